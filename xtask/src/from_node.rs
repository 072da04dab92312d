//! What `docs/sdk/from-node.md` calls a function of the Rust SDK must be one.

use super::collect;
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

const PAGE: &str = "docs/sdk/from-node.md";
const SOURCES: &str = "crates/sdk/src";
/// What spans of code hold beside names of the SDK.
const OTHERS: [&str; 5] = ["Err", "Ok", "None", "portcullis", "tracing"];

/// The names in the Rust column that nothing in the SDK has.
pub(crate) fn faults(root: &Path) -> Vec<String> {
    let Ok(page) = fs::read_to_string(root.join(PAGE)) else { return vec![format!("{PAGE} is gone")] };
    let mut paths = Vec::new();
    collect(&root.join(SOURCES), &mut paths);
    let sources = paths.into_iter().filter_map(|path| Some((path.clone(), fs::read_to_string(path).ok()?)));
    let sources: Vec<(PathBuf, String)> = sources.collect();
    faults_of(&page, |recipe| {
        let inside =
            |path: &Path| recipe.is_none_or(|recipe| path.components().any(|c| c.as_os_str() == recipe));
        let texts: Vec<&str> =
            sources.iter().filter(|(path, _)| inside(path)).map(|(_, text)| &**text).collect();
        (!texts.is_empty()).then(|| texts.iter().flat_map(|text| names_of(text)).map(str::to_owned).collect())
    })
}

/// `names` knows what a recipe has, and the SDK as a whole.
fn faults_of(page: &str, names: impl Fn(Option<&str>) -> Option<HashSet<String>>) -> Vec<String> {
    let all = names(None).unwrap_or_default();
    let mut here = all.clone();
    let mut faults = Vec::new();
    for (number, line) in page.lines().enumerate() {
        if let Some(heading) = line.strip_prefix("## ") {
            // A section about recipes is about what they have, and no others.
            let of_recipes: Option<Vec<_>> =
                heading.split(", ").map(|recipe| names(Some(&recipe.to_lowercase()))).collect();
            here = of_recipes.map_or_else(|| all.clone(), |sets| sets.into_iter().flatten().collect());
        }
        let Some(row) = line.strip_prefix("| ") else { continue };
        // A bar inside of code is written `\|`.
        let row = row.replace("\\|", " ");
        let Some(rust) = row.split(" | ").nth(1) else { continue };
        let is_empty = rust.trim_matches(['|', ' ']).is_empty() || rust.contains("not yet");
        if is_empty && !row.contains("SAML") {
            faults.push(format!("{PAGE}:{}: nothing stands beside it", number + 1));
        }
        for span in rust.split('`').skip(1).step_by(2) {
            let is_missing =
                |(name, is_own): &(&str, bool)| !(if *is_own { &here } else { &all }).contains(*name);
            let missing = named_in(span).into_iter().filter(is_missing);
            faults.extend(missing.map(|(name, _)| format!("{PAGE}:{}: there is no `{name}`", number + 1)));
        }
    }
    faults
}

/// The names in a span of code: types, functions that are called, and the name that the span ends with. Those that
/// say nothing of where they are from must be of the section's recipe.
fn named_in(span: &str) -> Vec<(&str, bool)> {
    let mut named = Vec::new();
    let mut is_text = false;
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    for part in span.split_inclusive('"') {
        if !is_text {
            let mut rest = part;
            while let Some(start) = rest.find(is_word) {
                let after = rest[start..].find(|c| !is_word(c)).map_or(rest.len(), |length| start + length);
                let (name, next) = (&rest[start..after], rest[after..].trim_end_matches(['?', '"']));
                let is_type = name.starts_with(|c: char| c.is_ascii_uppercase());
                let is_called = next.starts_with('(') || next.is_empty();
                if (is_type || is_called) && !OTHERS.contains(&name) {
                    named.push((name, named.is_empty() && span.starts_with(name) && !is_type));
                }
                rest = &rest[after..];
            }
        }
        is_text = part.ends_with('"') != is_text;
    }
    named
}

/// What a source has for others: functions, also those of traits, fields, types, variants, and what it passes on.
fn names_of(source: &str) -> impl Iterator<Item = &str> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let code = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or(source);
    let has_trait = code.contains("pub trait ");
    let items = code.lines().filter_map(move |line| {
        let line = line.trim_start();
        let public = line.strip_prefix("pub ");
        let item = public.or_else(|| (has_trait || line.starts_with(char::is_uppercase)).then_some(line))?;
        let words = ["const ", "async ", "fn ", "struct ", "enum ", "trait ", "type ", "mod "];
        let name = words.iter().fold(item, |rest, word| rest.strip_prefix(word).unwrap_or(rest));
        name.split(|c| !is_word(c)).next()
    });
    let passed_on = code.split("pub use ").skip(1).filter_map(|rest| rest.split(';').next());
    items
        .chain(passed_on.flat_map(move |names| names.split(move |c| !is_word(c))))
        .filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "pub struct Codes;\nimpl Codes {\n    pub async fn send(&self) {}\n    fn hidden() {}\n}\npub enum Way {\n    ByMail,\n}\npub use other::{\n    Word as Term,\n};\n#[cfg(test)]\nmod tests {\npub fn only_tested() {}";

    fn told(page: &str) -> Vec<String> {
        faults_of(page, |recipe| match recipe {
            None => Some(["new", "open"].into_iter().chain(names_of(SOURCE)).map(str::to_owned).collect()),
            Some("codes") => Some(names_of(SOURCE).map(str::to_owned).collect()),
            Some(_) => None,
        })
    }

    #[test]
    fn what_is_not_there_is_told() {
        for (cell, missing) in [
            ("`send`", None),
            ("`send(&cx, Way::ByMail)`, or `Codes::new(…).send(…)`", None),
            ("`sdk.codes.new(\"made_up(\")`, a word and nothing", None),
            ("`Err(Codes::new())`, `Term`", None),
            ("`hidden`", Some("hidden")),
            ("`only_tested`", Some("only_tested")),
            ("`send(Way::ByPost)`", Some("ByPost")),
            ("`send(\\|x\\| …)`, `Codes::gone(…)`", Some("gone")),
            ("`open`", Some("open")),
            ("`sdk.open`", None),
        ] {
            let page = format!("## Codes\n\n| Node | Rust |\n|---|---|\n| `any` | {cell} |\n");
            let expected: Vec<_> =
                missing.iter().map(|name| format!("{PAGE}:5: there is no `{name}`")).collect();
            assert_eq!(told(&page), expected, "{cell}");
        }
        assert!(told("## The app\n| `a` | `open` |\n").is_empty());
        for (cell, is_fault) in
            [("", true), ("not yet", true), ("not yet: SAML", false), ("there is none", false)]
        {
            let expected =
                if is_fault { vec![format!("{PAGE}:2: nothing stands beside it")] } else { Vec::new() };
            assert_eq!(told(&format!("## Codes\n| `a` | {cell} |\n")), expected, "{cell}");
        }
    }

    #[test]
    fn the_page_names_what_there_is() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        assert_eq!(faults(root), Vec::<String>::new());
    }
}
