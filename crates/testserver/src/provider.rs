//! The test kit's provider of third-party sign-in as a program, for tests in a browser: it prints its address.

use portcullis_embedded::Clock;
use portcullis_testkit::provider::TestProvider;

#[tokio::main]
async fn main() {
    let provider = TestProvider::start(Clock::system()).await;
    #[expect(clippy::print_stdout, reason = "whoever starts it reads the address there")]
    {
        println!("{}", provider.url());
    }
    std::future::pending::<()>().await;
}
