//! A result's rows.

use crate::Result;
use tokio_postgres::types::Type;

/// One row of a result.
#[derive(Debug)]
pub struct Row<'a>(pub(crate) Source<'a>);

#[derive(Debug)]
pub(crate) enum Source<'a> {
    Sqlite(&'a rusqlite::Row<'a>),
    Postgres(&'a tokio_postgres::Row),
}

impl Row<'_> {
    /// The column at a position, from 0.
    pub fn get<T: FromColumn>(&self, index: usize) -> Result<T> {
        T::from_column(self, index)
    }
}

/// A type that a column can be read as.
pub trait FromColumn: Sized {
    /// Reads the column at a position, from 0.
    fn from_column(row: &Row<'_>, index: usize) -> Result<Self>;
}

macro_rules! plain_columns {
    ($($kind:ty),*) => { $(
        impl FromColumn for $kind {
            fn from_column(row: &Row<'_>, index: usize) -> Result<Self> {
                match row.0 {
                    Source::Sqlite(row) => Ok(row.get(index)?),
                    Source::Postgres(row) => Ok(row.try_get(index)?),
                }
            }
        }
    )* };
}
plain_columns!(i64, bool, Vec<u8>, Option<i64>, Option<bool>, Option<Vec<u8>>);

impl FromColumn for Option<String> {
    /// PostgreSQL pads `char(n)` with blanks, which are not part of the value.
    fn from_column(row: &Row<'_>, index: usize) -> Result<Self> {
        match row.0 {
            Source::Sqlite(row) => Ok(row.get(index)?),
            Source::Postgres(row) => {
                let mut text: Option<String> = row.try_get(index)?;
                if let Some(text) = text.as_mut().filter(|_| *row.columns()[index].type_() == Type::BPCHAR) {
                    text.truncate(text.trim_end_matches(' ').len());
                }
                Ok(text)
            }
        }
    }
}

impl FromColumn for String {
    fn from_column(row: &Row<'_>, index: usize) -> Result<Self> {
        let text: Option<Self> = row.get(index)?;
        text.ok_or_else(|| crate::Error::Engine(format!("column {index} is null")))
    }
}

/// A type that a row can be read as; tuples read their columns in order.
pub trait FromRow: Sized {
    /// Reads the row.
    fn from_row(row: &Row<'_>) -> Result<Self>;
}

macro_rules! tuples {
    ($($name:ident $index:tt),*) => {
        impl<$($name: FromColumn),*> FromRow for ($($name,)*) {
            fn from_row(row: &Row<'_>) -> Result<Self> {
                Ok(($(row.get::<$name>($index)?,)*))
            }
        }
    };
}
tuples!(A 0);
tuples!(A 0, B 1);
tuples!(A 0, B 1, C 2);
tuples!(A 0, B 1, C 2, D 3);
tuples!(A 0, B 1, C 2, D 3, E 4);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);
