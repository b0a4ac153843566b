//! The C header that codelet authors include: contexts, data structs and declared helpers.
