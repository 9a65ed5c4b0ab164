/// What dmsetup prints when it is called wrongly, or asked for help.
enum Usage {
    static var text: String { head + commands + foot }

    private static let head = """
        Usage:

        dmsetup
                [--version] [-h|--help [-c|-C|--columns]]
                [-v|--verbose [-v|--verbose ...]] [-f|--force]
                [--checks] [--manglename {none|hex|auto}]
                [-r|--readonly] [--noopencount] [--noflush] [--nolockfs] [--inactive]
                [--udevcookie <cookie>] [--noudevrules] [--noudevsync] [--verifyudev]
                [-y|--yes] [--readahead {[+]<sectors>|auto|none}] [--retry]
                [-c|-C|--columns] [-o <fields>] [-O|--sort <sort_fields>]
                [-S|--select <selection>] [--nameprefixes] [--noheadings]
                [--separator <separator>]


        """

    private static var commands: String {
        CommandTable.all.map { "\t\($0.name) \($0.synopsis)\n" }.joined()
    }

    private static let foot = """

        <device> may be device name or (if only one) -u <uuid> or -j <major> -m <minor>
        <mangling_mode> is one of 'none', 'auto' and 'hex'.
        <fields> are comma-separated.  Use 'help -c' for list.
        <concise_device_specification> has single-device entries separated by semi-colons:
            <name>,<uuid>,<minor>,<flags>,<table>
                where <flags> is 'ro' or 'rw' (the default) and any of <uuid>, <minor>
                and <flags> may be empty. Separate extra table lines with commas.
            E.g.: dev1,,,,0 100 linear 253:1 0,100 100 error;dev2,,,ro,0 1 error
        Table_file contents may be supplied on stdin.
        Options are: devno, devname, blkdevname.
        Tree specific options are: ascii, utf, vt100; compact, inverted, notrunc;
                                   blkdevname, [no]device, active, open, rw and uuid.


        """
}
