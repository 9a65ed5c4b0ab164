#if DEBUG
    /// Says which thread goes on.
    protocol Strategy: AnyObject {
        /// An index below `count`. 0 is the thread that is running, if `canStay`.
        func choose(of count: Int, canStay: Bool) -> Int
    }

    /// Every schedule with at most so many preemptions, one after another: depth first over the
    /// choices of the run before.
    final class Exhaustive: Strategy {
        private struct Choice {
            var taken: Int
            let count: Int
            let canStay: Bool
        }

        private let preemptionBound: Int
        private var choices: [Choice] = []
        private var position = 0
        /// The run came to other choices than the one before it: chance, or state that outlives a
        /// run, and not all schedules are run.
        var hasDiverged: Bool { isOther || position < choices.count }
        private var isOther = false

        init(preemptionBound: Int) { self.preemptionBound = preemptionBound }

        func choose(of count: Int, canStay: Bool) -> Int {
            if position == choices.count {
                choices.append(Choice(taken: 0, count: count, canStay: canStay))
            }
            let choice = choices[position]
            position += 1
            if choice.count != count || choice.canStay != canStay { isOther = true }
            return min(choice.taken, count - 1)
        }

        /// The choices of the run that just ended, for replay.
        var schedule: [Int] { choices[..<position].map(\.taken) }

        /// Prepares the next run. False: there was none left.
        func advance() -> Bool {
            choices.removeSubrange(position...)
            position = 0
            while let last = choices.popLast() {
                let next = last.taken + 1
                let before = choices.count { $0.canStay && $0.taken > 0 }
                let isAllowed = !last.canStay || before < preemptionBound
                if next < last.count && isAllowed {
                    choices.append(Choice(taken: next, count: last.count, canStay: last.canStay))
                    return true
                }
            }
            return false
        }
    }

    /// Random schedules by a seed: one in eight points switches, so that runs of one thread are
    /// long enough to get somewhere.
    final class Randomised: Strategy {
        private var state: UInt64
        private(set) var schedule: [Int] = []

        init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 | 1 }

        func choose(of count: Int, canStay: Bool) -> Int {
            let choice = canStay && next() % 8 != 0 ? 0 : Int(next() % UInt64(count))
            schedule.append(choice)
            return choice
        }

        /// xorshift64*.
        private func next() -> UInt64 {
            state ^= state >> 12
            state ^= state << 25
            state ^= state >> 27
            return (state &* 0x2545_f491_4f6c_dd1d) >> 33
        }
    }

    /// A schedule again, as a failure printed it.
    final class Replay: Strategy {
        private let schedule: [Int]
        private var position = 0

        init(_ schedule: [Int]) { self.schedule = schedule }

        func choose(of count: Int, canStay: Bool) -> Int {
            defer { position += 1 }
            return position < schedule.count ? min(schedule[position], count - 1) : 0
        }
    }
#endif
