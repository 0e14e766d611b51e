//! The app and the API: programs of their own, started beside the server and ended with it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::{sleep, timeout};

use crate::app::commands::Refusal;
use crate::app::commands::demo::furnish::{AUDIENCE, Cast};
use crate::app::commands::demo::stage::{API_PROGRAM, APP_PROGRAM, Stage};
use crate::clients::registration::Registered;

/// How long they may take until they answer, and until they have ended.
const START: Duration = Duration::from_secs(30);
const END: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(50);

/// Both programs.
pub(super) struct Programs {
    app: Program,
    api: Program,
}

/// A program that runs. It ends when its standard input does, so even when we are killed.
struct Program {
    who: &'static str,
    child: Child,
    input: Option<ChildStdin>,
}

impl Programs {
    /// Starts them. What they must know they are told by their environment, which others cannot read.
    pub(super) fn start(stage: &Stage, cast: &Cast) -> Result<Self, Refusal> {
        let issuer = &stage.settings.issuer;
        let api = [
            ("API_LISTEN", stage.api.to_string()),
            ("API_ISSUER", issuer.clone()),
            ("API_AUDIENCE", AUDIENCE.to_owned()),
            ("API_CLIENT_ID", cast.api.client.id.to_string()),
            ("API_CLIENT_SECRET", secret(&cast.api)),
            ("API_STOP_WITH_STDIN", "1".to_owned()),
        ];
        let app = [
            ("APP_LISTEN", stage.app.to_string()),
            ("APP_URL", stage.app_url()),
            ("APP_ISSUER", issuer.clone()),
            ("APP_API", stage.api_url()),
            ("APP_CLIENT_ID", cast.web.client.id.to_string()),
            ("APP_CLIENT_SECRET", secret(&cast.web)),
            ("APP_STOP_WITH_STDIN", "1".to_owned()),
        ];
        let api = Program::start("the API", &stage.programs.join(API_PROGRAM), api)?;
        Ok(Self { app: Program::start("the app", &stage.programs.join(APP_PROGRAM), app)?, api })
    }

    /// Waits until all answer, the server too.
    pub(super) async fn ready(&mut self, stage: &Stage) -> Result<(), Refusal> {
        let all = async {
            answers(stage.settings.server.front, "/readyz").await;
            answers(stage.api, "/").await;
            answers(stage.app, "/parcel.css").await;
        };
        tokio::select! {
            in_time = timeout(START, all) => in_time.map_err(|_| {
                Refusal(format!("not everybody answers after {} seconds", START.as_secs()))
            }),
            refusal = self.died() => Err(refusal),
        }
    }

    /// Comes when one of them has ended by itself, and says which.
    pub(super) async fn died(&mut self) -> Refusal {
        tokio::select! {
            refusal = self.app.died() => refusal,
            refusal = self.api.died() => refusal,
        }
    }

    /// Ends both.
    pub(super) async fn stop(mut self) {
        tokio::join!(self.app.stop(), self.api.stop());
    }
}

fn secret(registered: &Registered) -> String {
    registered.secret.as_ref().map(|secret| secret.expose().to_owned()).unwrap_or_default()
}

impl Program {
    fn start<const N: usize>(
        who: &'static str,
        path: &Path,
        environment: [(&str, String); N],
    ) -> Result<Self, Refusal> {
        let mut command = Command::new(path);
        // Our own environment is none of its business; what goes wrong, it says where we do.
        command.env_clear().envs(environment).stdin(Stdio::piped()).stdout(Stdio::null());
        // A terminal's Ctrl-C is for us, and we end it in order.
        command.process_group(0).kill_on_drop(true);
        let mut child = command
            .spawn()
            .map_err(|error| Refusal(format!("{who} cannot be started ({}): {error}", path.display())))?;
        // Kept apart from the child: waiting for it would close its input, and so end it.
        let input = child.stdin.take();
        Ok(Self { who, child, input })
    }

    async fn died(&mut self) -> Refusal {
        let ended = self.child.wait().await;
        let how = ended.map_or_else(|error| error.to_string(), |status: ExitStatus| status.to_string());
        Refusal(format!("{} has ended ({how}), and the demo with it", self.who))
    }

    async fn stop(&mut self) {
        drop(self.input.take());
        if timeout(END, self.child.wait()).await.is_err() {
            log::warn!("{} does not end by itself", self.who);
            let _ = self.child.kill().await;
        }
    }
}

/// Asks again and again until the answer is 200.
async fn answers(at: SocketAddr, path: &str) {
    while !answers_now(at, path).await.unwrap_or(false) {
        sleep(POLL).await;
    }
}

async fn answers_now(at: SocketAddr, path: &str) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(at).await?;
    let question = format!("GET {path} HTTP/1.1\r\nhost: {at}\r\nconnection: close\r\n\r\n");
    stream.write_all(question.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(answer.starts_with(b"HTTP/1.1 200 "))
}
