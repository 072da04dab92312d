//! The table, in Markdown.

use crate::measure::Measured;
use std::fmt::Write as _;

pub(crate) fn costs(all: &[Measured]) -> String {
    let mut text = "| path | core µs | limit µs | ratio | with the protocol's keys | database µs | its limit µs | round trips |\n\
                    |---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for one in all {
        let micros = |of: fn(&crate::measure::Round) -> std::time::Duration| {
            one.median(|round| of(round).as_secs_f64() * 1e6)
        };
        let (ours, ideal) = (micros(|round| round.ours.core), micros(|round| round.ideal.core));
        let (ratio, of_protocol) = (one.ratio(), one.ratio_of_protocol());
        let of_protocol =
            if one.path.besides.is_empty() { "-".to_owned() } else { format!("{of_protocol:.2}") };
        let (name, trips) = (one.name(), one.round_trips);
        let trips = trips.map_or("-".to_owned(), |trips| format!("{trips:.1}"));
        let database = if one.is_postgres {
            let of_database = micros(|round| round.ours.database);
            format!("{of_database:.1} | {:.1}", micros(|round| round.ideal.database))
        } else {
            "- | -".to_owned()
        };
        writeln!(
            text,
            "| {name} | {ours:.1} | {ideal:.1} | {ratio:.2} | {of_protocol} | {database} | {trips} |"
        )
        .unwrap();
    }
    text
}

pub(crate) fn latencies(all: &[Measured]) -> String {
    let mut text = "| path | requests/s | p50 ms | p99 ms | p99.9 ms | at half load: requests/s | p50 ms | p99 ms | p99.9 ms |\n\
                    |---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for one in all {
        write!(text, "| {} ", one.name()).unwrap();
        for tally in [&one.closed, &one.open] {
            let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|quantile| tally.quantile(quantile));
            write!(text, "| {:.0} | {p50:.2} | {p99:.2} | {p999:.2} ", tally.rate()).unwrap();
        }
        text.push_str("|\n");
    }
    text
}
