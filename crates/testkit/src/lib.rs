//! A core on a throw-away database, a clock that tests set, and what the slice tests share.
