//! Telling a helper to store a login.

use serde::Serialize;
use zeroize::Zeroizing;

use super::{HelperError, Helpers, Question};
use crate::Secret;

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
        let may_be_shown = |message: &str| !message.contains(secret.expose());
        Err(HelperError::Failed {
            program: question.program(),
            server: question.server.clone(),
            status: ended.status,
            message: ended.message_if(may_be_shown),
        })
    }
}
