//! `portcullis import`: users from a file, each with a verdict.
//!
//! What another system tells of a user is turned into a line as `export` writes it. An import that was broken off is
//! begun again with the same files: whoever is there already is passed over, and the refused rows are written anew.

mod auth0;
mod better_auth;
mod described;
mod fields;
mod firebase;
mod keycloak;
mod kratos;
mod reading;
mod refused;
mod supabase;

use crate::cli::{ImportArguments, Source, say};
use crate::progress::Progress;
use crate::serve::open_app;
use crate::settings::Settings;
use portcullis_core::crypto::digest::Secret;
use portcullis_core::recipes::bulkimport::{Importer, Outcome};
use reading::{Reading, Row};
use refused::Refused;
use serde_json::{Map, Value};

/// A JSON object.
type Object = Map<String, Value>;

/// What a user of another system is to be imported as, or everything that speaks against it.
type Converted = Result<Object, Vec<String>>;

/// Turns what a system tells of a user into what an import reads.
type Convert = Box<dyn Fn(&Object) -> Converted + Send>;

/// Rows that are imported in one unit of work.
const BATCH: usize = 100;

/// What became of all rows.
#[derive(Debug, Default)]
struct Counts {
    imported: u64,
    there: u64,
    refused: u64,
}

/// What an operator said of how users are to be imported.
#[derive(Clone, Debug)]
struct Wishes {
    tenants: Vec<String>,
    drops_second_factors: bool,
    /// The core's, in base64.
    firebase_key: Option<Secret>,
}

/// Runs the command; a core may run beside it.
pub(crate) async fn run(settings: &Settings, asked: &ImportArguments) -> Result<(), String> {
    let mut reading = Reading::begin(&asked.files, is_document(asked.from))?;
    let mut refused = Refused::new(asked.refused.as_deref(), &asked.files)?;
    let app = open_app(settings).await?;
    let fault = |error: portcullis_core::Error| error.to_string();
    let importer = Importer::open(&app, &asked.domain, &asked.app).await.map_err(fault)?;
    let convert = converter(asked, importer.firebase_signer_key())?;
    refused.begin()?;
    let (mut counts, mut progress) = (Counts::default(), Progress::begin(0));
    loop {
        let rows = reading.next(BATCH).await?;
        if rows.is_empty() {
            break;
        }
        let converted: Vec<Converted> = rows.iter().map(|row| converted(row, &convert)).collect();
        let good: Vec<Object> = converted.iter().flatten().cloned().collect();
        let outcomes = if asked.dry_run { importer.check(&good).await } else { importer.import(&good).await };
        let mut outcomes = outcomes.map_err(fault)?.into_iter();
        for (row, converted) in rows.iter().zip(converted) {
            let outcome = match converted {
                Ok(_) => outcomes.next().ok_or("the core told too few outcomes")?,
                Err(reasons) => Outcome::Refused(reasons),
            };
            match outcome {
                Outcome::Imported => counts.imported += 1,
                Outcome::WasThere => counts.there += 1,
                Outcome::Refused(reasons) => {
                    counts.refused += 1;
                    refused.add(row, &reasons)?;
                }
            }
        }
        progress.show(reading.done(), reading.whole(), || counts.to_text(asked.dry_run));
    }
    progress.end();
    refused.end()?;
    app.stop().await;
    say(&counts.to_text(asked.dry_run));
    match counts.refused {
        0 => Ok(()),
        count => Err(format!("{count} rows were refused: see {}", refused.path().display())),
    }
}

impl Counts {
    fn to_text(&self, is_dry: bool) -> String {
        let what = if is_dry { "would be imported" } else { "imported" };
        format!("{} {what}, {} there before, {} refused", self.imported, self.there, self.refused)
    }
}

fn converted(row: &Row, convert: &Convert) -> Converted {
    match &row.user {
        Ok(user) => convert(user),
        Err(unreadable) => Err(vec![unreadable.why.clone()]),
    }
}

/// Whether the users are in one JSON document, and not on a line each.
fn is_document(source: Source) -> bool {
    matches!(source, Source::Firebase | Source::Keycloak)
}

fn converter(asked: &ImportArguments, firebase_key: Option<&Secret>) -> Result<Convert, String> {
    let wishes = Wishes {
        tenants: asked.tenants.clone(),
        drops_second_factors: asked.drop_second_factors,
        firebase_key: firebase_key.cloned(),
    };
    let convert: Convert = match asked.from {
        Source::Portcullis => Box::new(|user: &Object| Ok(user.clone())),
        Source::Auth0 => {
            let hashes = asked.hashes.as_deref().map(auth0::read_hashes).transpose()?.unwrap_or_default();
            Box::new(move |user: &Object| auth0::convert(user, &hashes, &wishes))
        }
        Source::Firebase => {
            let settings = firebase::HashSettings {
                salt_separator: asked.salt_separator.clone(),
                rounds: asked.rounds,
                mem_cost: asked.mem_cost,
            };
            Box::new(move |user: &Object| firebase::convert(user, &settings, &wishes))
        }
        Source::Keycloak => Box::new(move |user: &Object| keycloak::convert(user, &wishes)),
        Source::Supabase => Box::new(move |user: &Object| supabase::convert(user, &wishes)),
        Source::Kratos => Box::new(move |user: &Object| kratos::convert(user, &wishes)),
        Source::BetterAuth => Box::new(move |user: &Object| better_auth::convert(user, &wishes)),
    };
    Ok(convert)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;
    use clap::ValueEnum as _;
    use serde_json::json;
    use std::path::Path;

    /// Everything that comes of a value if something in it is missing or of another type.
    fn changed(value: &Value) -> Vec<Value> {
        let mut all = vec![
            json!(null),
            json!(-1),
            json!(1.5),
            json!(""),
            json!("x"),
            json!([]),
            json!([[]]),
            json!({}),
        ];
        match value {
            Value::Object(fields) => {
                for (name, inner) in fields {
                    let mut without = fields.clone();
                    without.remove(name);
                    all.push(without.into());
                    all.extend(changed(inner).into_iter().map(|inner| {
                        let mut with = fields.clone();
                        with.insert(name.clone(), inner);
                        with.into()
                    }));
                }
            }
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    all.extend(changed(item).into_iter().map(|item| {
                        let mut with = items.clone();
                        with[at] = item;
                        with.into()
                    }));
                }
            }
            Value::String(text) => {
                // JSON in a text.
                let inner = serde_json::from_str(text).ok().filter(Value::is_object);
                all.extend(inner.iter().flat_map(changed).map(|inner| inner.to_string().into()));
            }
            _ => {}
        }
        all
    }

    #[tokio::test]
    async fn whatever_a_row_tells_is_converted_or_refused() {
        for (system, file) in [
            ("auth0", "auth0.jsonl"),
            ("auth0", "auth0-hashes.jsonl"),
            ("firebase", "firebase.json"),
            ("keycloak", "keycloak.json"),
            ("supabase", "supabase.jsonl"),
            ("kratos", "kratos.json"),
            ("better-auth", "better-auth.jsonl"),
        ] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/import").join(file);
            let arguments =
                crate::cli::Arguments::parse_from(["portcullis", "import", "--from", system, "file"]);
            let Some(crate::cli::Command::Import(asked)) = arguments.command else { unreachable!() };
            let convert = converter(&asked, None).unwrap();
            let mut reading = Reading::begin(&[path], is_document(asked.from)).unwrap();
            let rows = reading.next(BATCH).await.unwrap();
            assert!(rows.len() > 1, "{file}");
            for row in rows {
                let user = row.user.unwrap();
                for changed in changed(&user.into()) {
                    let Value::Object(changed) = changed else { continue };
                    match convert(&changed) {
                        Ok(user) => assert!(!user["loginMethods"].as_array().unwrap().is_empty(), "{user:?}"),
                        Err(reasons) => assert!(!reasons.is_empty(), "{changed:?}"),
                    }
                }
            }
        }
        assert_eq!(Source::value_variants().len(), 7, "each is looked at here");
    }
}
