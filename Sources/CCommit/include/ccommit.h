#pragma once

/// The commit that was built, as scripts/build found it (DMFUSE_COMMIT); empty: not known.
const char *ccommit(void);
