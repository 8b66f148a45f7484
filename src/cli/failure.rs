//! Errors for people: what failed and what to do.

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};

use crate::aws;
use crate::config::ConfigError;
use crate::config::suffix::BadSuffix;
use crate::engine::graph::GraphError;
use crate::engine::selection::BadSelection;
use crate::engine::{Advice, StepError};
use crate::report::advice::{self, CommandLine};
use crate::report::words::step_error;
use crate::sandbox::SandboxError;
use crate::state::{EditError, StateError};
use crate::traffic::history::HistoryError;
use crate::traffic::levers::NoLevers;
use crate::traffic::share::BadSteps;

/// An error that ends a command.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    message: String,
    advice: Option<Advice>,
}

/// A failure with its advice in words.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
struct Printed {
    message: String,
    help: Option<String>,
}

impl Diagnostic for Printed {
    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn std::fmt::Display>)
    }
}

impl Failure {
    /// A failure with advice.
    pub fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Failure { message: message.into(), advice: Some(Advice::Text(help.into())) }
    }

    /// Prints it on stderr. `command` completes the commands that it suggests.
    pub fn print(&self, command: CommandLine<'_>) {
        let theme = if console::colors_enabled_stderr() {
            GraphicalTheme::unicode()
        } else {
            GraphicalTheme::unicode_nocolor()
        };
        let help = self.advice.as_ref().map(|advice| advice::text(advice, command));
        let printed = Printed { message: self.message.clone(), help };
        let mut text = String::new();
        let handler = GraphicalReportHandler::new_themed(theme).with_width(110).with_break_words(false);
        match handler.render_report(&mut text, &printed) {
            Ok(()) => eprint!("{text}"),
            Err(_) => eprintln!("{printed}"),
        }
    }
}

impl From<aws::Error> for Failure {
    fn from(error: aws::Error) -> Self {
        StepError::from(error).into()
    }
}

impl From<HistoryError> for Failure {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::Remote(error) => error.into(),
            error => Failure { message: error.to_string(), advice: None },
        }
    }
}

/// Errors whose kind decides the advice.
macro_rules! advised {
    ($($error:ty => $advice:path)*) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Failure { message: error.to_string(), advice: Some($advice(error)) }
            }
        })*
    };
}

advised! { BadSelection => Advice::Selection EditError => Advice::Edit StateError => Advice::State }

impl From<StepError> for Failure {
    fn from(error: StepError) -> Self {
        Failure { message: step_error(&error), advice: error.advice }
    }
}

/// Errors whose message contains the advice.
macro_rules! plain {
    ($($error:ty)*) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Failure { message: error.to_string(), advice: None }
            }
        })*
    };
}

plain! { ConfigError BadSuffix NoLevers BadSteps GraphError SandboxError std::io::Error }
