import DMCommandLine
import Glibc

exit(Program.run())
