//! What every recipe lets an app replace.

/// Gives a recipe the methods by which an app replaces its functions and its frontend APIs and takes APIs away, and
/// lets what holds them be shown in debug texts. They are kept by the recipe itself, or by what it is at work:
///
/// ```text
/// replaceable!(WebAuthn: functions, apis, disabled);
/// replaceable!(UserMetadata.0: functions);
/// ```
///
/// `Functions`, `Apis` and `Api` are those that are in scope.
macro_rules! replaceable {
    ($recipe:ident: $($part:ident),+) => { $(replaceable!(@$part $recipe []);)+ };
    ($recipe:ident.0: $($part:ident),+) => { $(replaceable!(@$part $recipe [.0]);)+ };
    (@functions $recipe:ident [$($at:tt)*]) => {
        impl $recipe {
            /// Replaces functions: `replace` gets those below and answers those above.
            pub fn override_functions<F: Functions + 'static>(
                mut self,
                replace: impl FnOnce(std::sync::Arc<dyn Functions>) -> F,
            ) -> Self {
                self $($at)* .functions = std::sync::Arc::new(replace(self $($at)* .functions));
                self
            }
        }

        impl std::fmt::Debug for dyn Functions {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("Functions")
            }
        }
    };
    (@apis $recipe:ident [$($at:tt)*]) => {
        impl $recipe {
            /// Replaces frontend APIs: `replace` gets those below and answers those above.
            pub fn override_apis<A: Apis + 'static>(
                mut self,
                replace: impl FnOnce(std::sync::Arc<dyn Apis>) -> A,
            ) -> Self {
                self $($at)* .apis = std::sync::Arc::new(replace(self $($at)* .apis));
                self
            }
        }

        impl std::fmt::Debug for dyn Apis {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("Apis")
            }
        }
    };
    (@disabled $recipe:ident [$($at:tt)*]) => {
        impl $recipe {
            /// Takes a frontend API away.
            pub fn disable(mut self, api: Api) -> Self {
                self $($at)* .disabled.insert(api);
                self
            }
        }
    };
}
pub(crate) use replaceable;
