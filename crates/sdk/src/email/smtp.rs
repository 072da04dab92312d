//! E-mails by way of a mail server.

use super::{Email, EmailContent, EmailDelivery};
use crate::{BuildError, Cx, Error, Result};
use async_trait::async_trait;
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::AsyncSmtpTransportBuilder;
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use std::fmt;
use std::sync::{Arc, OnceLock};

type MakeContent = dyn Fn(&Cx, &Email) -> Result<EmailContent> + Send + Sync;

/// Sends e-mails by way of a mail server.
///
/// ```
/// use portcullis::email::Smtp;
///
/// let smtp = Smtp::new("smtps://smtp.example.com", "Demo <no-reply@example.com>")?
///     .credentials("user", "password");
/// # Ok::<(), portcullis::BuildError>(())
/// ```
#[derive(Clone)]
pub struct Smtp {
    server: AsyncSmtpTransportBuilder,
    /// Made with the first e-mail, as it needs a runtime; keeps connections for the next ones.
    connections: Arc<OnceLock<AsyncSmtpTransport<Tokio1Executor>>>,
    from: Mailbox,
    content: Arc<MakeContent>,
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Smtp").field("from", &self.from).finish_non_exhaustive()
    }
}

impl Smtp {
    /// A mail server, and whom the e-mails are from. The server is `smtps://host` for TLS from the start
    /// (port 465), `smtp://host?tls=required` for TLS after a greeting (port 587), or `smtp://host` for
    /// none at all; each with another port if it is named, and with `user:password@` if neither needs
    /// escaping in an address (else see [`Smtp::credentials`]).
    pub fn new(server: &str, from: &str) -> std::result::Result<Self, BuildError> {
        let server = AsyncSmtpTransport::<Tokio1Executor>::from_url(server).map_err(|error| {
            // Not the address itself: it may hold a password.
            BuildError::InvalidMailServer(error.to_string())
        })?;
        let from = from.parse().map_err(|_| BuildError::InvalidSender(from.to_owned()))?;
        Ok(Self { server, connections: Arc::default(), from, content: Arc::new(EmailContent::of) })
    }

    /// Who the app is to the mail server.
    #[must_use]
    pub fn credentials(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.server = self.server.credentials(Credentials::new(user.into(), password.into()));
        self.connections = Arc::default();
        self
    }

    /// Other words than [`EmailContent::of`].
    #[must_use]
    pub fn content(
        mut self,
        content: impl Fn(&Cx, &Email) -> Result<EmailContent> + Send + Sync + 'static,
    ) -> Self {
        self.content = Arc::new(content);
        self
    }

    fn message(&self, to: &str, content: EmailContent) -> Result<Message> {
        let to = to.parse().map_err(|error| fault(&error))?;
        let message = Message::builder().from(self.from.clone()).to(Mailbox::new(None, to));
        let message = message.subject(content.subject).message_id(None);
        message
            .multipart(MultiPart::alternative_plain_html(content.text, content.html))
            .map_err(|error| fault(&error))
    }
}

fn fault(error: &dyn fmt::Display) -> Error {
    Error::Delivery(error.to_string())
}

#[async_trait]
impl EmailDelivery for Smtp {
    async fn send(&self, cx: &Cx, email: &Email) -> Result<()> {
        let message = self.message(&email.to, (self.content)(cx, email)?)?;
        let server = self.connections.get_or_init(|| self.server.clone().build());
        server.send(message).await.map(drop).map_err(|error| fault(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::email::EmailSubject;
    use crate::recipes::session::SessionRecipe;
    use crate::{AppInfo, Portcullis};
    use std::time::Duration;
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    use tokio::net::TcpListener;

    fn call(name: &str) -> Cx {
        let sdk = Portcullis::builder(AppInfo::new(name, "http://localhost:3001", "http://localhost:3000"))
            .core("http://localhost:1")
            .recipe(SessionRecipe::new())
            .build();
        Cx::new(&sdk.unwrap())
    }

    fn email() -> Email {
        let link = "http://x/y?token=1&tenantId=public".to_owned();
        Email::new("ann@example.com", EmailSubject::PasswordReset { link }, "public")
    }

    /// Takes a number of e-mails over one connection, as a mail server does, and answers what it was told.
    async fn serve(listener: TcpListener, mut number: usize) -> String {
        let (stream, _) = listener.accept().await.unwrap();
        let (read, mut write) = stream.into_split();
        let (mut lines, mut told, mut is_data) = (BufReader::new(read).lines(), String::new(), false);
        write.write_all(b"220 hello\r\n").await.unwrap();
        while number > 0 {
            let line = lines.next_line().await.unwrap().expect("the connection is kept");
            told += &format!("{line}\n");
            let reply = match line.as_str() {
                "DATA" => "354 go on",
                "." => "250 taken",
                _ if is_data => continue,
                _ => "250 ok",
            };
            is_data = line == "DATA";
            number -= usize::from(line == ".");
            write.write_all(format!("{reply}\r\n").as_bytes()).await.unwrap();
        }
        told
    }

    #[tokio::test]
    async fn an_e_mail_reaches_the_server() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = format!("smtp://{}", listener.local_addr().unwrap());
        let smtp = Smtp::new(&server, "Demo <no-reply@example.com>").unwrap();
        let smtp = smtp.content(|cx, email| {
            let words = EmailContent::of(cx, email)?;
            Ok(EmailContent { subject: "Hello\r\nBcc: eve@example.com".to_owned(), ..words })
        });
        let (cx, email) = (call("Demo"), email());
        let (sent, told) = tokio::join!(smtp.send(&cx, &email), serve(listener, 1));
        sent.unwrap();
        assert!(told.contains("MAIL FROM:<no-reply@example.com>"), "{told}");
        assert!(told.contains("RCPT TO:<ann@example.com>"), "{told}");
        assert!(told.contains("\nFrom: Demo <no-reply@example.com>\nTo: ann@example.com\n"), "{told}");
        assert!(told.contains("\nMessage-ID: <") && told.contains("\nDate: "), "{told}");
        assert!(!told.contains("\nBcc:") && !told.contains("RCPT TO:<eve"), "{told}");
        assert!(told.contains("Content-Type: multipart/alternative"), "{told}");
        assert!(
            told.contains("Content-Type: text/plain") && told.contains("Content-Type: text/html"),
            "{told}"
        );
    }

    #[tokio::test]
    async fn the_connection_is_kept_for_the_next_e_mail() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = format!("smtp://{}", listener.local_addr().unwrap());
        let smtp = Smtp::new(&server, "no-reply@example.com").unwrap();
        let (cx, email) = (call("Demo"), email());
        let send = async {
            for _ in 0..3 {
                smtp.send(&cx, &email).await.unwrap();
                // A task puts the connection back.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let ((), told) = tokio::join!(send, serve(listener, 3));
        assert_eq!((told.matches("EHLO").count(), told.matches("MAIL FROM").count()), (1, 3), "{told}");
    }

    #[tokio::test]
    async fn what_cannot_be_sent_is_an_error() {
        let smtp = Smtp::new("smtp://127.0.0.1:1", "no-reply@example.com").unwrap();
        let cx = call("Demo");
        let unreachable = smtp.send(&cx, &email()).await.unwrap_err();
        assert!(matches!(unreachable, Error::Delivery(_)), "{unreachable:?}");
        let nobody = smtp.send(&cx, &Email { to: "nobody".to_owned(), ..email() }).await.unwrap_err();
        assert!(matches!(nobody, Error::Delivery(_)), "{nobody:?}");
    }

    #[test]
    fn settings_are_checked_and_passwords_kept() {
        let wrong = Smtp::new("http://user:secret@example.com", "a@example.com").unwrap_err();
        assert!(matches!(&wrong, BuildError::InvalidMailServer(text) if !text.contains("secret")), "{wrong}");
        let wrong = Smtp::new("smtp://example.com", "nobody").unwrap_err();
        assert_eq!(wrong, BuildError::InvalidSender("nobody".to_owned()));
        let smtp = Smtp::new("smtps://example.com", "a@example.com").unwrap().credentials("user", "secret");
        assert!(!format!("{smtp:?} {:?}", email()).contains("secret"));
        assert!(!format!("{:?}", email()).contains("token="));
    }

    #[test]
    fn words_are_escaped_in_html_and_nowhere_else() {
        let cx = call("Tom & <Jerry>");
        let words = EmailContent::of(&cx, &email()).unwrap();
        assert!(words.html.contains("Tom &#38; &#60;Jerry&#62;"), "{}", words.html);
        assert!(!words.html.contains("<Jerry>"), "{}", words.html);
        assert!(words.html.contains("href=\"http://x/y?token=1&#38;tenantId=public\""), "{}", words.html);
        assert!(words.text.contains("Tom & <Jerry>"), "{}", words.text);
        assert!(words.text.contains("\nhttp://x/y?token=1&tenantId=public\n"), "{}", words.text);
    }
}
