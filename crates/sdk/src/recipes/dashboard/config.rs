//! The recipe as the app wants it.

use super::Board;
use super::access::{BaseFunctions, Functions};
use super::page::{Apis, BaseApis};
use crate::BuildError;
use crate::recipes::replaceable::replaceable;
use crate::recipes::{Kind, Recipe, Recipes};
use std::sync::Arc;

/// Where SuperTokens publishes its dashboard.
const BUNDLE: &str = "https://cdn.jsdelivr.net/gh/supertokens/dashboard@v0.15/build";

/// A page at `/auth/dashboard` on which people of the app look after users, roles and tenants. They sign in with
/// an address and a password that the core keeps for them, or with one key for all.
///
/// ```
/// use portcullis::recipes::dashboard::Dashboard;
///
/// let recipe = Dashboard::new().admins(["ann@example.com"]).bundle("/dashboard-bundle");
/// ```
#[derive(Debug)]
#[must_use]
pub struct Dashboard(Board);

impl Default for Dashboard {
    fn default() -> Self {
        Self::new()
    }
}

impl Dashboard {
    /// For those whom the core knows as users of the dashboard.
    pub fn new() -> Self {
        Self(Board {
            api_key: None,
            admins: None,
            bundle: BUNDLE.to_owned(),
            sources: Vec::new(),
            functions: Arc::new(BaseFunctions),
            apis: Arc::new(BaseApis),
        })
    }

    /// For everybody who knows a key.
    pub fn with_api_key(key: impl Into<String>) -> Self {
        let Self(board) = Self::new();
        Self(Board { api_key: Some(key.into()), ..board })
    }

    /// The addresses of those who may change things; the others only look. Unless this is called all may. Who has
    /// the key may in any case.
    pub fn admins<T: Into<String>>(mut self, addresses: impl IntoIterator<Item = T>) -> Self {
        let addresses = addresses.into_iter().map(|address| address.into().trim().to_lowercase());
        self.0.admins = Some(addresses.collect());
        self
    }

    /// Where scripts, styles and pictures of the dashboard are: an address, or a path of the app itself. It is
    /// the folder in which `static` lies. Unless this is called they come from a content delivery network.
    pub fn bundle(mut self, location: impl Into<String>) -> Self {
        self.0.bundle = location.into();
        self
    }

    /// A further server from which the page may fetch styles, fonts and pictures, such as
    /// `https://fonts.googleapis.com`. Unless this is called it fetches all of them from the bundle's.
    pub fn content_from(mut self, server: impl Into<String>) -> Self {
        self.0.sources.push(server.into());
        self
    }
}

replaceable!(Dashboard.0: functions, apis);

impl Recipe for Dashboard {
    fn add_to(self, recipes: &mut Recipes) -> Result<(), BuildError> {
        recipes.note(Kind::Dashboard)?;
        let fault = |reason: &str| BuildError::Recipe { recipe: "dashboard", reason: reason.to_owned() };
        if self.0.api_key.as_ref().is_some_and(|key| key.trim().is_empty()) {
            return Err(fault("the key is empty, so that anybody knows it; choose a long one"));
        }
        super::page::source_of(&self.0.bundle).ok_or_else(|| {
            fault("the bundle is at no address; write for example https://cdn.example.com/build or /build")
        })?;
        if !self.0.sources.iter().all(|server| super::page::is_server(server)) {
            return Err(fault("content_from names no server; write for example https://fonts.gstatic.com"));
        }
        recipes.dashboard = Some(self.0);
        Ok(())
    }
}
