//! The Portcullis core as a library: every recipe, its rules, its SQL and its routes.

pub mod adoption;
mod app;
mod clock;
pub mod config;
pub mod crypto;
mod cx;
mod error;
pub mod ground;
pub mod http;
pub mod jobs;
pub mod migrations;
mod reading;
mod recipe;
pub mod recipes;
mod tasks;

pub use app::{App, AppSettings};
pub use clock::Clock;
pub use cx::{Cx, PUBLIC, Scope};
pub use error::{Error, Result, Unknown};
pub use recipe::{
    Chore, DeleteExpired, DeleteOfTenant, HasUser, InDatabase, InUse, Job, ListTenants, OfMember, OfUser,
    Recipe, RenameUser, UserData,
};
pub use tasks::Tasks;
