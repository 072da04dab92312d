//! What the core and its callers say to each other: endpoints, requests, responses and status words. No I/O, no framework.
