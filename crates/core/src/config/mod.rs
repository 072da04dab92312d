//! What an operator may set, read from loosely typed values into types that cannot be wrong.
