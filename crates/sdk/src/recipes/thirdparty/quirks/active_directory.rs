//! Microsoft Entra ID. An app takes the users of one directory, or of any: then each token names its own. It says of no
//! address whether it is verified, so that none is unless a directory adds `email_verified` to its tokens.

use super::{Quirks, complete_discovery, scope_if_none, set_if_none};
use crate::recipes::thirdparty::provider_config::{ProviderConfig, ProviderForClient};
use crate::{Cx, Result};

pub(super) struct ActiveDirectory;

impl Quirks for ActiveDirectory {
    fn complete(&self, config: &mut ProviderConfig) {
        set_if_none(&mut config.settings.name, "Active Directory");
    }

    fn complete_for_client(&self, _: &Cx, config: &mut ProviderForClient) -> Result<()> {
        if let Some(directory) = config.additional("directoryId") {
            let url = format!(
                "https://login.microsoftonline.com/{directory}/v2.0/.well-known/openid-configuration"
            );
            config.provider.settings.oidc_discovery_endpoint = Some(url);
        }
        complete_discovery(config)?;
        scope_if_none(config, &["openid", "email"]);
        Ok(())
    }

    /// For `common` and `organizations` the document leaves the directory open, and tokens name theirs.
    fn is_issuer(&self, expected: &str, told: &str, tid: Option<&str>) -> bool {
        let Some((before, after)) = expected.split_once("{tenantid}") else { return expected == told };
        let directory = told.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
        let is_id = |id: &str| !id.is_empty() && id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
        directory.is_some_and(|directory| is_id(directory) && tid.is_none_or(|tid| tid == directory))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_directory_is_the_token_s_own() {
        let open = "https://login.microsoftonline.com/{tenantid}/v2.0";
        let (one, two) = ("9188040d-6c67-4c5b-b112-36a304b66dad", "00000000-6c67-4c5b-b112-36a304b66dad");
        let told = |id: &str| format!("https://login.microsoftonline.com/{id}/v2.0");
        let is = |told: &str, tid| ActiveDirectory.is_issuer(open, told, tid);
        assert!(is(&told(one), Some(one)) && is(&told(one), None));
        assert!(!is(&told(one), Some(two)) && !is(&told("a/b"), Some("a/b")) && !is(&told(""), Some("")));
        assert!(!is("https://evil.example/x/v2.0", Some("x")) && !is(open, None));
        assert!(ActiveDirectory.is_issuer(&told(one), &told(one), Some(two)));
        assert!(!ActiveDirectory.is_issuer(&told(one), &told(two), Some(two)));
    }
}
