import DMTestSupport
import DeviceMapper
import SystemPackage
import Testing

@testable import DMFilesystem

/// Targets that do more than map, behind a mount.
@Suite(
    .enabled(
        if: MountedTree.isPossible && Shell.run("command -v fio").status == 0,
        "no mount can be made, or there is no fio"))
struct TargetMountTests {
    @Test(
        "what fio writes is read back through blocks that are encoded, through suspends and swaps",
        arguments: [
            "--direct=0 --bsrange=512-48k --bs_unaligned=1",
            "--direct=1 --bsrange=4k-128k --iodepth=8 --ioengine=libaio",
        ])
    func verifies(how: String) throws {
        let tree = try MountedTree(moreTargetTypes: TestTargets.all)
        defer { tree.end() }
        let file = tree.backing("file", sectors: 16384)
        let lines = ["0 8192 xor \(file) 0 90 4096", "8192 8192 xor \(file) 8192 17 4096"]
        let encoded = try tree.create("encoded", lines)
        let top = try tree.create("top", ["0 16384 linear \(tree.path("dm-0")) 0"])
        let fio = Shell.Running(
            """
            fio --name=v --filename='\(tree.path("dm-1"))' --size=8M --io_size=24M --rw=randwrite \
                --verify=crc32c --verify_fatal=1 --do_verify=1 --verify_state_save=0 --randseed=7 --minimal \(how)
            """)
        var turns = 0
        while !fio.hasEnded {
            turns += 1
            _ = try tree.registry.suspend(turns % 2 == 0 ? encoded : top, .noflush)
            if turns % 3 == 0 { try tree.load(encoded, lines) }
            if turns % 3 == 1 {
                try tree.load(top, ["0 16384 linear \(tree.path("dm-0")) 0"])
            }
            _ = try tree.registry.resume(encoded)
            _ = try tree.registry.resume(top)
        }
        let outcome = fio.wait()
        #expect(outcome.status == 0, "\(outcome.output)")
        #expect(turns > 3)
        // The file has other bytes than the device.
        let differs = Shell.run("cmp -s '\(file)' '\(tree.path("dm-1"))'").status
        #expect(differs == 1)
    }
}
