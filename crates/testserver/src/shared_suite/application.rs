//! The application under test, as the suite last described it.

use crate::body::Body;
use crate::core::Core;
use crate::record::Record;
use crate::{
    accountlinking, emailpassword, emailverification, multifactorauth, passwordless, session, thirdparty,
    totp,
};
use portcullis::recipes::dashboard::Dashboard;
use portcullis::recipes::multitenancy::Multitenancy;
use portcullis::{AppInfo, Builder, Portcullis};
use serde_json::{Value, json};
use std::sync::Arc;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// An SDK and the marks that it leaves.
#[derive(Clone, Debug)]
pub(crate) struct Application {
    pub(crate) sdk: Portcullis,
    pub(crate) record: Arc<Record>,
}

impl Application {
    /// The application before the suite describes one.
    pub(crate) fn before_the_first(core: &Core, core_url: &str) -> Result<Self> {
        let recipe = json!({"recipeId": "session"});
        let described = json!({
            "appInfo": {"appName": "SuperTokens", "apiDomain": "api.supertokens.io", "websiteDomain": "localhost:3000"},
            "supertokens": {"connectionURI": core_url},
            "recipeList": [recipe],
        });
        Self::new(core, &described.into())
    }

    /// The application that is described: the settings of the Node SDK, with texts in place of functions.
    pub(crate) fn new(core: &Core, described: &Body) -> Result<Self> {
        let record = Arc::new(Record::new());
        let (info, connection) = (described.inner("appInfo"), described.inner("supertokens"));
        let counts = connection.has("networkInterceptor");
        let core = core.app(connection.text("connectionURI"), Arc::clone(&record), counts);
        let mut builder = Portcullis::builder(app_info(&info)).core(core);
        let recipes = described.list("recipeList");
        for recipe in &recipes {
            builder = add(builder, recipe, &record)?;
        }
        builder = builder.recipe(Dashboard::with_api_key("test"));
        if !recipes.iter().any(|recipe| recipe["recipeId"] == "session") {
            // The Rust SDK asks at start for what the Node SDK misses at the first sign-in.
            builder = builder.recipe(session::recipe(&Body::default(), &record));
        }
        Ok(Self { sdk: builder.build()?, record })
    }
}

fn app_info(info: &Body) -> AppInfo {
    let website = info.optional("websiteDomain").or(info.optional("origin")).unwrap_or("localhost:3000");
    let mut app = AppInfo::new(info.text("appName"), info.text("apiDomain"), website);
    if let Some(path) = info.optional("apiBasePath") {
        app = app.api_base_path(path);
    }
    if let Some(path) = info.optional("websiteBasePath") {
        app = app.website_base_path(path);
    }
    app
}

fn add(builder: Builder, recipe: &Value, record: &Arc<Record>) -> Result<Builder> {
    let config = match recipe["config"].as_str() {
        Some(config) => Body::nested(config)?,
        None => Body::default(),
    };
    Ok(match recipe["recipeId"].as_str().unwrap_or_default() {
        "accountlinking" => builder.recipe(accountlinking::recipe(&config, record)),
        "emailpassword" => builder.recipe(emailpassword::recipe(&config, record)),
        "emailverification" => builder.recipe(emailverification::recipe(&config, record)),
        "multifactorauth" => builder.recipe(multifactorauth::recipe(&config)),
        "passwordless" => builder.recipe(passwordless::recipe(&config, record)),
        "thirdparty" => builder.recipe(thirdparty::recipe(&config, record)?),
        "totp" => builder.recipe(totp::recipe(&config)),
        "multitenancy" => builder.recipe(Multitenancy::new()),
        "session" => builder.recipe(session::recipe(&config, record)),
        other => return Err(format!("this server knows no recipe '{other}'").into()),
    })
}
