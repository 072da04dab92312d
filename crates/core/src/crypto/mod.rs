//! Hashes, signatures, encryption and randomness. No database, no HTTP.
