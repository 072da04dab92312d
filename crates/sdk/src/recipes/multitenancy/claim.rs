//! What the access token says about the tenant's domains.

use crate::recipes::session::Claim;

/// The domains whose pages the session's user may visit: `st-t-dmns`, a list of texts. It is empty of meaning
/// unless the app says which they are, with
/// [`Multitenancy::allowed_domains`](super::Multitenancy::allowed_domains): until then no domain is allowed.
///
/// ```
/// use portcullis::recipes::multitenancy::allowed_domains_claim;
/// use portcullis::recipes::session::VerifyOptions;
///
/// let options = VerifyOptions::new().also(allowed_domains_claim().includes("acme.example.com", None));
/// ```
pub fn allowed_domains_claim() -> Claim {
    Claim::new("st-t-dmns", |cx, subject| {
        Box::pin(async move {
            let Some(find) = &cx.sdk().multitenancy().allowed_domains else { return Ok(None) };
            let domains = find.call(&cx, subject.tenant_id().to_owned()).await?;
            Ok(domains.map(Into::into))
        })
    })
}
