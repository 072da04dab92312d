//! Only benches live here: see `benches/verify.rs`.
