import CCommit
import DMCommandLine
import Glibc

exit(Program.run(commit: String(cString: ccommit())))
