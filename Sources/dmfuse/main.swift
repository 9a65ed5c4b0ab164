import DeviceMapper
import Glibc

exit(Program.run())
