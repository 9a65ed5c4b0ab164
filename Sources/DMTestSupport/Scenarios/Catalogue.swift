#if DEBUG
    extension Scenario {
        /// All of them, by the seed model's numbers. Each R has one; of R20 only what the core
        /// does, as there is no module to unload: its exit is the daemon's.
        package static let all: [Scenario] =
            [
                openVersusRemove, lostControl, removeOfStack, statusVersusRemove,
                writeVersusForcedRemove, resumeVersusRemove, loadVersusRemove,
                loadVersusLoadVersusClear, minorReuse, removeAllVersusStatus, waitVersusRemove,
                resumesAndSuspend, suspends, writeVersusSuspend,
                interruptedSuspend, interruptedFlush, interruptedResume,
                interruptedResumeVersusLoad,
                deferredRemove, deferredRemoveVersusCancel, deferredRemoveVersusRename,
                deferredRemoveVersusLoad, deferredRemoveOfStack,
                deferredRemoveVersusRemoveAll, renameVersusLookup, renameVersusRemove,
                cancelVersusResume, cancelInStack, closeVersusRemove,
                closingVersusRemove, writesVersusSwap,
                deferredOrder,
                destructorAfterResume, waitVersusRename, waitWithoutTable, collidingCreates,
                shutdownInUse, shutdownVersusRemove,
                stackOfThree, stackOfThreeAtOnce, circle, circleOfThree, upperOverHeldLower,
            ] + allOfMarkedDevice + allOfTargetContract + allOfLateAnswers

        /// The scenario of a mutant (Tests/Mutants) finds it within so many schedules.
        package static let schedulesToFind = 1000
    }
#endif
