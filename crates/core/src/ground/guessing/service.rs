//! Counting attempts at secrets, for each account and for each caller.

use super::store;
use crate::crypto::digest::sha256_hex;
use crate::{Cx, Error, Result, Scope};
use portcullis_db::Db;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The longest time that attempts are counted together: a day, in milliseconds.
pub const WINDOW_MAX_MS: i64 = 86_400_000;

/// A kind of secret. Attempts at each are counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secret {
    /// A password, of the account with an address.
    Password,
    /// A password of the dashboard, of the account with an address.
    DashboardPassword,
    /// A code of an authenticator app, of a user.
    TotpCode,
    /// A code or link of the passwordless recipe, of an address or number.
    PasswordlessCode,
    /// A token from a link that resets a password.
    ResetToken,
    /// A token from a link that gives an account with passkeys back.
    RecoveryToken,
    /// A token from a link that proves an address.
    VerificationToken,
    /// The signature of a passkey. As nobody can guess one, it is counted for callers alone: an account that
    /// could be closed by signatures that are none would only be closed to its owner.
    Passkey,
}

impl Secret {
    fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::DashboardPassword => "dashboard-password",
            Self::TotpCode => "totp-code",
            Self::PasswordlessCode => "passwordless-code",
            Self::ResetToken => "reset-token",
            Self::RecoveryToken => "recovery-token",
            Self::VerificationToken => "verification-token",
            Self::Passkey => "passkey",
        }
    }
}

/// An attempt that may be made. It counts as failed until it is said how else it ended, so that many at once do
/// not all pass before the first of them has failed.
#[derive(Debug)]
#[must_use]
pub struct Attempt(());

/// What was counted for a call whose attempt has not ended.
#[derive(Debug, Default)]
pub struct Counted(Mutex<Option<Subjects>>);

/// For whom an attempt was counted, and where.
#[derive(Debug)]
struct Subjects {
    db: Db,
    app_id: String,
    caller: Option<String>,
    account: Option<String>,
}

/// Counts an attempt at a secret, of an account of the call's tenant as far as one is named. 429 if there were
/// too many failed ones, at the account or by the caller, until their time is over; who is refused is not counted.
pub async fn attempt(cx: &Cx, secret: Secret, account: Option<&str>) -> Result<Attempt> {
    let limits = cx.config().guesses;
    let name = secret.name();
    let of_account = account.filter(|_| limits.per_account > 0);
    let account = of_account.map(|account| sha256_hex(&format!("{name} {} {account}", cx.tenant_id())));
    let of_caller = cx.caller.filter(|_| limits.per_caller > 0);
    let caller = of_caller.map(|caller| sha256_hex(&format!("caller {}", network(caller))));
    if account.is_none() && caller.is_none() {
        return Ok(Attempt(()));
    }
    let mut tx = cx.db().write().await?;
    for (subject, most) in [(&caller, limits.per_caller), (&account, limits.per_account)] {
        let Some(subject) = subject else { continue };
        let times = (cx.now, cx.now - limits.window_ms);
        let (attempts, began_at) = store::count(&mut tx, cx.app_id(), subject, times).await?;
        if attempts > most {
            let left = began_at.saturating_add(limits.window_ms).saturating_sub(cx.now).max(1000);
            return Err(Error::TooManyGuesses(Duration::from_millis(left.unsigned_abs())));
        }
    }
    // no event: attempts that failed are counted, and change nothing else
    tx.commit().await?;
    let app_id = cx.app_id().to_owned();
    cx.counted.replace(Some(Subjects { db: cx.db().clone(), app_id, caller, account }));
    Ok(Attempt(()))
}

impl Attempt {
    /// Says how it ended. If it was no guess, the account's failed attempts are forgotten, and the caller's count
    /// is as before.
    pub async fn ended(self, cx: &Cx, succeeded: bool) {
        let Some(subjects) = cx.counted.replace(None).filter(|_| succeeded) else { return };
        // What was proved is proved, and often used up: that it was counted does not undo it.
        if let Err(error) = subjects.forget().await {
            tracing::warn!(tenant = %cx.scope.in_log(), %error, "a success still counts as a failed attempt");
        }
    }

    /// Says that the secret was not looked at: nothing was counted.
    pub async fn is_void(self, cx: &Cx) {
        cx.counted.take_back(&cx.scope).await;
    }
}

impl Counted {
    fn replace(&self, subjects: Option<Subjects>) -> Option<Subjects> {
        std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), subjects)
    }

    /// Takes an attempt at the tenant back that was broken off: nobody learned anything, and it may be made again.
    pub(crate) async fn take_back(&self, scope: &Scope) {
        let Some(subjects) = self.replace(None) else { return };
        if let Err(error) = subjects.take_back().await {
            tracing::warn!(tenant = %scope.in_log(), %error, "an attempt that was broken off counts as a failed one");
        }
    }
}

impl Subjects {
    async fn take_back(&self) -> Result<()> {
        for subject in self.caller.iter().chain(&self.account) {
            let mut tx = self.db.write_one().await?;
            store::take_back(&mut tx, &self.app_id, subject).await?;
            // no event: the count is as it was before the attempt
            tx.commit().await?;
        }
        Ok(())
    }

    async fn forget(mut self) -> Result<()> {
        if let Some(account) = self.account.take() {
            let mut tx = self.db.write_one().await?;
            store::delete(&mut tx, &self.app_id, &account).await?;
            // no event: attempts before a success count no more
            tx.commit().await?;
        }
        self.take_back().await
    }
}

/// Whom an address stands for: an IPv6 caller has 64 bits for itself, and an IPv4 address that is written as an
/// IPv6 one is the IPv4 one.
fn network(caller: IpAddr) -> IpAddr {
    match caller.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_caller_has_one_network() {
        let of = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(of("192.0.2.7"), "192.0.2.7");
        assert_eq!(of("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(of("2001:0DB8:1:2::9"), of("2001:db8:1:2:ffff::1"));
        assert_ne!(of("2001:db8:1:3::"), of("2001:db8:1:2::"));
    }
}
