//! The months of the calendar, by which the log is parted.

const DAY_MS: i64 = 86_400_000;

/// A month of the calendar, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Month {
    year: i64,
    /// 1 to 12.
    month: i64,
}

impl Month {
    /// The month of a time in milliseconds. By the proleptic calendar, in eras of 400 years that begin in March.
    pub(super) fn of(time: i64) -> Self {
        let days = time.div_euclid(DAY_MS) + 719_468;
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_based = (5 * day_of_year + 2) / 153;
        let month = if march_based < 10 { march_based + 3 } else { march_based - 9 };
        let year = year_of_era + days.div_euclid(146_097) * 400 + i64::from(month <= 2);
        Self { year, month }
    }

    pub(super) fn next(self) -> Self {
        if self.month == 12 {
            Self { year: self.year + 1, month: 1 }
        } else {
            Self { month: self.month + 1, ..self }
        }
    }

    /// When it begins, in milliseconds.
    pub(super) fn start(self) -> i64 {
        let (year, month) =
            if self.month > 2 { (self.year, self.month - 3) } else { (self.year - 1, self.month + 9) };
        let year_of_era = year.rem_euclid(400);
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + (153 * month + 2) / 5;
        (year.div_euclid(400) * 146_097 + day_of_era - 719_468) * DAY_MS
    }

    /// The name of the part of the log that holds it.
    pub(super) fn partition(self) -> String {
        format!("{PARTITION}{:04}{:02}", self.year, self.month)
    }

    /// The month of a part of the log; `None` if the name is none of a month's.
    pub(super) fn of_partition(name: &str) -> Option<Self> {
        let digits = name.strip_prefix(PARTITION).filter(|digits| digits.len() == 6)?;
        let (year, month) = (digits.get(..4)?.parse().ok()?, digits.get(4..)?.parse().ok()?);
        let named = Self { year, month };
        ((1..=12).contains(&month) && named.partition() == name).then_some(named)
    }
}

/// A time in milliseconds as RFC 3339 writes it.
pub fn utc(time: i64) -> String {
    let month = Month::of(time);
    let (day, rest) = ((time - month.start()) / DAY_MS + 1, time.rem_euclid(DAY_MS));
    let (hour, minute, second) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1000 % 60);
    let Month { year, month } = month;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", rest % 1000)
}

const PARTITION: &str = "activity_log_p";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_as_people_read_it() {
        for (time, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (1_709_251_199_001, "2024-02-29T23:59:59.001Z"),
        ] {
            assert_eq!(utc(time), text);
        }
    }

    #[test]
    fn months_begin_and_end_with_the_calendar() {
        for (time, partition, start) in [
            (0, "activity_log_p197001", 0),
            (-1, "activity_log_p196912", -2_678_400_000),
            (1_700_000_000_000, "activity_log_p202311", 1_698_796_800_000),
            (1_709_164_800_000, "activity_log_p202402", 1_706_745_600_000),
            (1_735_689_599_999, "activity_log_p202412", 1_733_011_200_000),
            (1_735_689_600_000, "activity_log_p202501", 1_735_689_600_000),
        ] {
            let month = Month::of(time);
            assert_eq!((month.partition().as_str(), month.start()), (partition, start));
            assert_eq!(Month::of(month.next().start() - 1), month);
            assert_eq!(Month::of_partition(partition), Some(month));
        }
        for name in
            ["activity_log_default", "activity_log_p2024", "activity_log_p202413", "activity_log_p+20201"]
        {
            assert_eq!(Month::of_partition(name), None, "{name}");
        }
    }
}
