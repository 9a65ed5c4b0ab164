#include "ccommit.h"

const char *ccommit(void)
{
    return DMFUSE_COMMIT;
}
