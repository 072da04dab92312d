//! What the SDK does inside, as far as the suite looks there: it is told by the SDK's own log.

use crate::Server;
use crate::record::Event;
use std::fmt;
use std::sync::{Arc, Weak};
use tracing::field::{Field, Visit};
use tracing::subscriber::set_global_default;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::{EnvFilter, Layer, Registry};

/// Writes the log to the standard output, and what is an event into the current application's record.
pub(crate) fn watch(server: &Arc<Server>) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let written = tracing_subscriber::fmt::layer().with_filter(filter);
    let subscriber = Registry::default().with(written).with(Watcher(Arc::downgrade(server)));
    // Only fails if there is one already.
    let _ = set_global_default(subscriber);
}

struct Watcher(Weak<Server>);

impl<S: tracing::Subscriber> Layer<S> for Watcher {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let module = event.metadata().module_path().unwrap_or_default();
        let Some(module) = module.strip_prefix("portcullis::") else { return };
        let Some(server) = self.0.upgrade() else { return };
        let mut told = Told::default();
        event.record(&mut told);
        if (module, told.message.as_str()) == ("handle", "a call could not be served") {
            server.current().record.fail(told.error);
        } else if let Some(module) = module.strip_prefix("recipes::")
            && let Some(event) = event_of(module, &told.message)
        {
            server.current().record.happen(event);
        }
    }
}

fn event_of(module: &str, message: &str) -> Option<Event> {
    match (module, message) {
        // Sent, or not, or failed: it is all over then.
        ("emailpassword::reset", _) => Some(Event::ResetLinkDone),
        ("accountlinking::allowed", "may someone sign up?") => Some(Event::SignUpAsked),
        ("accountlinking::allowed", "may someone sign in?") => Some(Event::SignInAsked),
        ("accountlinking::allowed", "who else is known by the same?") => Some(Event::OthersLookedAt),
        ("accountlinking::allowed", "no primary user is known by the same") => Some(Event::NoPrimaryUser),
        _ => None,
    }
}

/// What a line of the log says.
#[derive(Default)]
struct Told {
    message: String,
    error: String,
}

impl Visit for Told {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            "error" => self.error = format!("{value:?}"),
            _ => {}
        }
    }
}
