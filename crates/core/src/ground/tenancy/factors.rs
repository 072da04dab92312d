//! How the two versions of the tenant calls change which recipes and factors a tenant allows.
//!
//! The first version has a switch for each login recipe, and from CDI 5.0 on also lists of factors; the
//! second version has only the lists. Each keeps what the other one stored meaningful, by the
//! reference's rules.

use super::TenantConfig;
use crate::{Error, Result};
use portcullis_wire::{Cdi, Nullable};

/// A recipe that the first version switches on and off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginRecipe {
    /// `emailpassword`.
    EmailPassword,
    /// `thirdparty`.
    ThirdParty,
    /// `passwordless`.
    Passwordless,
}

impl LoginRecipe {
    /// In the order in which faults are reported.
    pub const ALL: [Self; 3] = [Self::EmailPassword, Self::ThirdParty, Self::Passwordless];

    /// The factors that this recipe offers.
    pub fn factors(self) -> &'static [&'static str] {
        match self {
            Self::EmailPassword => &["emailpassword"],
            Self::ThirdParty => &["thirdparty"],
            Self::Passwordless => &["otp-phone", "otp-email", "link-phone", "link-email"],
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::EmailPassword => "emailPassword",
            Self::ThirdParty => "thirdParty",
            Self::Passwordless => "passwordless",
        }
    }

    fn of_factor(factor: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|recipe| recipe.factors().contains(&factor))
    }
}

/// Every factor of the switched recipes, in the order in which callers see them.
const ALL_FACTORS: [&str; 6] =
    ["emailpassword", "thirdparty", "otp-email", "otp-phone", "link-email", "link-phone"];

/// A list of factors in a call: `Absent` keeps, `Null` clears.
pub(super) type Factors = Nullable<Vec<String>>;

/// What a call of the first version says of each recipe.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Switches {
    /// The emailpassword recipe.
    pub email_password: Option<bool>,
    /// The thirdparty recipe.
    pub third_party: Option<bool>,
    /// The passwordless recipe.
    pub passwordless: Option<bool>,
}

impl Switches {
    fn of(self, recipe: LoginRecipe) -> Option<bool> {
        match recipe {
            LoginRecipe::EmailPassword => self.email_password,
            LoginRecipe::ThirdParty => self.third_party,
            LoginRecipe::Passwordless => self.passwordless,
        }
    }

    fn set_to(self, to: bool) -> impl Iterator<Item = LoginRecipe> {
        LoginRecipe::ALL.into_iter().filter(move |recipe| self.of(*recipe) == Some(to))
    }
}

impl TenantConfig {
    /// Whether a recipe's switch is on.
    pub fn switch(&self, recipe: LoginRecipe) -> bool {
        match recipe {
            LoginRecipe::EmailPassword => self.email_password_enabled,
            LoginRecipe::ThirdParty => self.third_party_enabled,
            LoginRecipe::Passwordless => self.passwordless_enabled,
        }
    }

    fn set_switch(&mut self, recipe: LoginRecipe, to: bool) {
        match recipe {
            LoginRecipe::EmailPassword => self.email_password_enabled = to,
            LoginRecipe::ThirdParty => self.third_party_enabled = to,
            LoginRecipe::Passwordless => self.passwordless_enabled = to,
        }
    }

    /// Whether the core serves a recipe's sign-ins: before CDI 5.1 it refuses one that is off, later the SDK.
    pub fn serves(&self, recipe: LoginRecipe, cdi: Cdi) -> bool {
        match cdi {
            cdi if cdi >= Cdi::V5_1 => true,
            cdi if cdi >= Cdi::V5_0 => self.is_enabled(recipe),
            _ => self.is_enabled_before_5_0(recipe),
        }
    }

    /// Whether a recipe is on as callers before CDI 5.0 see it.
    pub fn is_enabled_before_5_0(&self, recipe: LoginRecipe) -> bool {
        let listed = |list: &Vec<String>| list.iter().any(|factor| recipe.factors().contains(&&**factor));
        self.switch(recipe) && self.first_factors.as_ref().is_none_or(listed)
    }

    /// Whether a recipe is on as callers of the first version see it from CDI 5.0 on.
    pub fn is_enabled(&self, recipe: LoginRecipe) -> bool {
        self.switch(recipe) && self.first_factors.as_ref().is_none_or(|list| !list.is_empty())
    }

    /// The first factors as the second version shows them: a switch that is off makes the list explicit.
    pub fn shown_first_factors(&self) -> Option<Vec<String>> {
        let all_on = LoginRecipe::ALL.into_iter().all(|recipe| self.switch(recipe));
        if self.first_factors.is_some() || all_on {
            return self.first_factors.clone();
        }
        Some(self.factors_of_switches())
    }

    fn factors_of_switches(&self) -> Vec<String> {
        let is_on = |factor: &&str| LoginRecipe::of_factor(factor).is_some_and(|recipe| self.switch(recipe));
        ALL_FACTORS.into_iter().filter(is_on).map(str::to_owned).collect()
    }

    fn switch_on_listed(&mut self) {
        let listed = self.first_factors.iter().chain(&self.required_secondary_factors).flatten();
        let recipes: Vec<_> = listed.filter_map(|factor| LoginRecipe::of_factor(factor)).collect();
        for recipe in recipes {
            self.set_switch(recipe, true);
        }
    }
}

/// The first version before CDI 5.0: switches are told by the list, and only ever raised themselves.
pub(super) fn apply_before_5_0(tenant: &mut TenantConfig, switches: Switches) {
    let mut factors = tenant.first_factors.clone();
    for recipe in switches.set_to(true) {
        if !tenant.is_enabled_before_5_0(recipe) {
            tenant.set_switch(recipe, true);
            if let Some(factors) = &mut factors {
                add(factors, recipe.factors());
            }
        }
    }
    let is_off = |recipe: &LoginRecipe| !tenant.switch(*recipe) || switches.of(*recipe) == Some(false);
    let off: Vec<_> = LoginRecipe::ALL.into_iter().filter(is_off).collect();
    if !off.is_empty() {
        let factors = factors.get_or_insert_with(|| ALL_FACTORS.map(str::to_owned).to_vec());
        remove(factors, &off);
    }
    tenant.first_factors = factors;
}

/// The first version from CDI 5.0 on: switches and lists, each changing the other.
pub(super) fn apply_v1(
    tenant: &mut TenantConfig,
    switches: Switches,
    first: Factors,
    second: Factors,
) -> Result<()> {
    check_list("firstFactors", &first)?;
    refuse_empty("firstFactors", "first factors", &first)?;
    check_list("requiredSecondaryFactors", &second)?;
    refuse_empty("requiredSecondaryFactors", "required secondary factors", &second)?;
    refuse_contradictions(switches, &first, &second)?;

    let turns_on = switches.set_to(true).any(|recipe| !tenant.is_enabled(recipe));
    if turns_on && tenant.first_factors.as_ref().is_some_and(Vec::is_empty) {
        // An empty list had switched everything off: now the switches say it.
        tenant.first_factors = None;
        for recipe in LoginRecipe::ALL {
            tenant.set_switch(recipe, false);
        }
    }
    let before = tenant.clone();
    let off: Vec<_> = switches.set_to(false).collect();
    for recipe in LoginRecipe::ALL {
        if let Some(to) = switches.of(recipe) {
            tenant.set_switch(recipe, to);
        }
    }
    tenant.first_factors = match first {
        Nullable::Set(list) => Some(list),
        Nullable::Null => None,
        Nullable::Absent => first_factors_kept(&before, tenant, switches, &second),
    };
    tenant.required_secondary_factors = match second {
        Nullable::Set(list) => Some(list),
        Nullable::Null => None,
        Nullable::Absent => before.required_secondary_factors.map(|list| without(list, &off)),
    };
    tenant.required_secondary_factors.take_if(|list| list.is_empty());
    tenant.switch_on_listed();
    Ok(())
}

/// The first factors after a call that does not name them.
fn first_factors_kept(
    before: &TenantConfig,
    after: &TenantConfig,
    switches: Switches,
    second: &Factors,
) -> Option<Vec<String>> {
    if let Some(list) = &before.first_factors {
        let off: Vec<_> = switches.set_to(false).collect();
        return Some(without(list.clone(), &off));
    }
    // A second factor switches its recipe on, which must not make it a first factor as well.
    let Nullable::Set(second) = second else { return None };
    let turned_on = second.iter().filter_map(|factor| LoginRecipe::of_factor(factor));
    let mut turned_on =
        turned_on.filter(|recipe| !before.is_enabled(*recipe) && switches.of(*recipe) != Some(true));
    let listed = after.factors_of_switches();
    (turned_on.next().is_some() && listed.len() < ALL_FACTORS.len()).then_some(listed)
}

/// The second version: lists only; naming one makes the switches moot, so all of them go on.
pub(super) fn apply_v2(tenant: &mut TenantConfig, first: Factors, second: Factors) -> Result<()> {
    check_list("firstFactors", &first)?;
    check_list("requiredSecondaryFactors", &second)?;
    if first == Nullable::Absent && second == Nullable::Absent {
        return Ok(());
    }
    tenant.first_factors = tenant.shown_first_factors();
    for recipe in LoginRecipe::ALL {
        tenant.set_switch(recipe, true);
    }
    match first {
        Nullable::Absent => {}
        Nullable::Null => tenant.first_factors = None,
        Nullable::Set(list) => tenant.first_factors = Some(list),
    }
    match second {
        Nullable::Absent => {}
        Nullable::Null => tenant.required_secondary_factors = None,
        Nullable::Set(list) => tenant.required_secondary_factors = Some(list).filter(|list| !list.is_empty()),
    }
    Ok(())
}

/// 400 unless the stored lists hold names that can be written in a claim.
pub(super) fn check_names(tenant: &TenantConfig) -> Result<()> {
    let lists = [
        ("firstFactors", &tenant.first_factors),
        ("requiredSecondaryFactors", &tenant.required_secondary_factors),
    ];
    for (field, list) in lists {
        let fits = |c: char| c.is_ascii_alphanumeric() || "_(.)-".contains(c);
        let is_name = |name: &String| !name.is_empty() && name.chars().all(fits);
        if !list.iter().flatten().all(is_name) {
            let text = format!("{field} should contain only 0-9,a-z,A-Z,_,.,- characters");
            return Err(Error::BadInput(text));
        }
        // The column's width; the reference answers 500.
        if list.iter().flatten().any(|name| name.len() > 128) {
            return Err(Error::BadInput(format!("{field} should contain names of at most 128 characters")));
        }
    }
    Ok(())
}

fn check_list(field: &str, list: &Factors) -> Result<()> {
    let Nullable::Set(list) = list else { return Ok(()) };
    let repeats = list.iter().enumerate().any(|(at, factor)| list[..at].contains(factor));
    if repeats {
        return Err(Error::BadInput(format!("{field} input should not contain duplicate values")));
    }
    Ok(())
}

fn refuse_empty(field: &str, what: &str, list: &Factors) -> Result<()> {
    match list {
        Nullable::Set(list) if list.is_empty() => {
            Err(Error::BadInput(format!("{field} cannot be empty. Set null instead to remove all {what}.")))
        }
        _ => Ok(()),
    }
}

fn refuse_contradictions(switches: Switches, first: &Factors, second: &Factors) -> Result<()> {
    for recipe in switches.set_to(false) {
        for (field, list) in [("firstFactors", first), ("requiredSecondaryFactors", second)] {
            let Nullable::Set(list) = list else { continue };
            let Some(factor) = recipe.factors().iter().find(|factor| list.iter().any(|f| f == *factor))
            else {
                continue;
            };
            return Err(Error::BadInput(format!(
                "Invalid core config: {field} should not contain '{factor}' because {} is disabled for the tenant.",
                recipe.name()
            )));
        }
    }
    Ok(())
}

fn add(factors: &mut Vec<String>, more: &[&str]) {
    let missing: Vec<_> = more.iter().filter(|new| !factors.iter().any(|old| old == *new)).collect();
    factors.extend(missing.into_iter().map(|factor| (*factor).to_owned()));
}

fn remove(factors: &mut Vec<String>, recipes: &[LoginRecipe]) {
    factors.retain(|factor| !recipes.iter().any(|recipe| recipe.factors().contains(&&**factor)));
}

fn without(mut factors: Vec<String>, recipes: &[LoginRecipe]) -> Vec<String> {
    remove(&mut factors, recipes);
    factors
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(factors: &[&str]) -> Vec<String> {
        factors.iter().map(|factor| (*factor).to_owned()).collect()
    }

    fn set(factors: &[&str]) -> Factors {
        Nullable::Set(list(factors))
    }

    fn off(email_password: bool) -> Switches {
        Switches { email_password: Some(email_password), ..Switches::default() }
    }

    #[test]
    fn before_5_0_a_switch_edits_the_list_and_is_never_lowered() {
        let mut tenant = TenantConfig::default();
        apply_before_5_0(&mut tenant, off(false));
        assert!(tenant.email_password_enabled && !tenant.is_enabled_before_5_0(LoginRecipe::EmailPassword));
        let left = list(&["thirdparty", "otp-email", "otp-phone", "link-email", "link-phone"]);
        assert_eq!(tenant.first_factors, Some(left));
        apply_before_5_0(&mut tenant, off(true));
        assert!(tenant.is_enabled_before_5_0(LoginRecipe::EmailPassword));
    }

    #[test]
    fn switching_a_recipe_off_takes_its_factors_from_the_lists() {
        let mut tenant = TenantConfig {
            first_factors: Some(list(&["emailpassword", "custom"])),
            required_secondary_factors: Some(list(&["emailpassword"])),
            ..TenantConfig::default()
        };
        apply_v1(&mut tenant, off(false), Nullable::Absent, Nullable::Absent).unwrap();
        assert_eq!(tenant.first_factors, Some(list(&["custom"])));
        assert_eq!(tenant.required_secondary_factors, None);
        assert!(!tenant.email_password_enabled);
    }

    #[test]
    fn a_listed_factor_switches_its_recipe_on() {
        let mut tenant = TenantConfig { passwordless_enabled: false, ..TenantConfig::default() };
        apply_v1(&mut tenant, Switches::default(), Nullable::Absent, set(&["otp-email"])).unwrap();
        assert!(tenant.passwordless_enabled);
        assert_eq!(
            tenant.first_factors,
            Some(list(&["emailpassword", "thirdparty"])),
            "not as a first factor"
        );

        let mut tenant = TenantConfig::default();
        apply_v1(&mut tenant, Switches::default(), Nullable::Absent, set(&["otp-email"])).unwrap();
        assert_eq!(tenant.first_factors, None, "all recipes were on, so the list stays open");
    }

    #[test]
    fn contradictions_are_named() {
        let mut tenant = TenantConfig::default();
        let error = apply_v1(&mut tenant, off(false), set(&["emailpassword"]), Nullable::Absent).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Invalid core config: firstFactors should not contain 'emailpassword' because emailPassword is disabled for the tenant."
        );
        let error = apply_v1(&mut tenant, off(true), set(&[]), Nullable::Absent).unwrap_err();
        assert_eq!(
            error.to_string(),
            "firstFactors cannot be empty. Set null instead to remove all first factors."
        );
    }

    #[test]
    fn the_second_version_writes_down_what_the_switches_said() {
        let mut tenant = TenantConfig { third_party_enabled: false, ..TenantConfig::default() };
        let before = tenant.shown_first_factors().unwrap();
        assert_eq!(before, list(&["emailpassword", "otp-email", "otp-phone", "link-email", "link-phone"]));
        apply_v2(&mut tenant, Nullable::Absent, set(&["totp"])).unwrap();
        assert!(tenant.third_party_enabled);
        assert_eq!(tenant.shown_first_factors(), Some(before));
        apply_v2(&mut tenant, set(&[]), set(&[])).unwrap();
        assert_eq!((tenant.first_factors, tenant.required_secondary_factors), (Some(vec![]), None));
    }
}
