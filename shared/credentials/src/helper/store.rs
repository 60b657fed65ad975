//! Telling a helper to store a login.

use serde::Serialize;
use zeroize::Zeroizing;

use super::{HelperError, Helpers, Question};
use crate::Secret;

/// So much of a secret gives it away.
const SHOWS: usize = 8;

/// What a helper is told, by docker-credential-helpers.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Login<'l> {
    #[serde(rename = "ServerURL")]
    server: &'l str,
    username: &'l str,
    secret: &'l str,
}

impl Helpers {
    /// Has a helper store a login. What it printed is shown unless that holds the secret.
    pub(crate) async fn store(
        &self,
        question: &Question,
        username: &str,
        secret: &Secret,
    ) -> Result<(), HelperError> {
        let login = Login { server: &question.server, username, secret: secret.expose() };
        // Texts become JSON whatever they are.
        let input = Zeroizing::new(serde_json::to_vec(&login).unwrap_or_default());
        let ended = self.converse(question, "store", &input).await?;
        if ended.status.success() {
            return Ok(());
        }
        // The start of a long one would show as much as all of it.
        let start: String = secret.expose().chars().take(SHOWS).collect();
        let may_be_shown = |printed: &str| !printed.contains(&start);
        Err(HelperError::Failed {
            program: question.program(),
            server: question.server.clone(),
            status: ended.status,
            message: ended.message_if(may_be_shown),
        })
    }
}
