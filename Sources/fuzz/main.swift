// Fuzzes what reads bytes of others: requests, replies and frames of the control socket, the texts
// of tables and of selections, and the lines of the log. Run by scripts/fuzz, which builds it with
// libFuzzer; without it there is nothing to run.
#if FUZZING
    import Glibc

    @_extern(c, "LLVMFuzzerRunDriver")
    func runLibFuzzer(
        _ count: UnsafeMutablePointer<CInt>,
        _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
        _ one: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
    ) -> CInt

    let words = Array(CommandLine.arguments.dropFirst())
    if words.count == 2, words[0] == "--seeds" {
        for (index, seed) in Seeds.all.enumerated() {
            let file = "\(words[1])/seed-\(index)"
            guard let stream = fopen(file, "w") else { fatalError("can't write \(file)") }
            fwrite(seed, 1, seed.count, stream)
            fclose(stream)
        }
    } else {
        // libFuzzer leaves by exit(3).
        atexit(reportCounts)
        var count = CommandLine.argc
        var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
        let status = runLibFuzzer(&count, &arguments, fuzzOne)
        exit(status)
    }
#else
    print("fuzz: build it with scripts/fuzz")
#endif
