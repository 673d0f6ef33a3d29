//! How the names, ids and limits of the wire are told as JSON, for documents that describe it. A
//! field of such a type says so: `#[schema(value_type = schema::QueueName)]`.

use acequia_wire::limits::{
    ATTEMPTS_MAX, DURATION_MS_MAX, KEY_BYTES_MAX, PRIORITY_MAX, QUEUE_NAME_BYTES_MAX,
};
use utoipa::ToSchema;
use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, SchemaType};
use utoipa::openapi::{ObjectBuilder, OneOfBuilder, Ref, SchemaFormat, Type};

/// Declares types that stand for what they describe, with constants of the code where a derived
/// description can have numbers alone. A list says of which type it is.
macro_rules! described {
    ($($(#[$doc:meta])* $name:ident $(of $part:ty)? = $schema:expr;)+) => {$(
        $(#[$doc])*
        pub(crate) struct $name;

        impl ::utoipa::PartialSchema for $name {
            fn schema() -> ::utoipa::openapi::RefOr<::utoipa::openapi::Schema> {
                $schema.into()
            }
        }

        impl ::utoipa::ToSchema for $name {
            $(fn schemas(
                known: &mut Vec<(String, ::utoipa::openapi::RefOr<::utoipa::openapi::Schema>)>,
            ) {
                let name = <$part as ::utoipa::ToSchema>::name().into_owned();
                known.push((name, <$part as ::utoipa::PartialSchema>::schema()));
                <$part as ::utoipa::ToSchema>::schemas(known);
            })?
        }
    )+};
}

pub(crate) use described;

described! {
    /// The name of a queue, or of a pool.
    QueueName = text().pattern(Some(format!("^{}$", queue_name_pattern())));
    /// The server's id of a job.
    JobId = text().format(Some(SchemaFormat::Custom("uuid".to_owned())));
    /// A client's name for a job.
    CorrelationId = OneOfBuilder::new().item(integer()).item(text());
    /// A job's span, as W3C Trace Context writes it.
    TraceParent = text().pattern(Some("^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"));
    /// A job's priority.
    Priority = up_to(u64::from(PRIORITY_MAX));
    /// Anything at all.
    Anything = ObjectBuilder::new().schema_type(SchemaType::AnyValue);
    /// A time in milliseconds that may be none, such as a delay.
    DelayMs = up_to(DURATION_MS_MAX);
    /// A time in milliseconds.
    DurationMs = up_to(DURATION_MS_MAX).minimum(Some(1));
    /// How often a job may be tried.
    Attempts = up_to(u64::from(ATTEMPTS_MAX)).minimum(Some(1));
    /// What a client calls a batch, or the key of a job.
    Name = text().min_length(Some(1)).max_length(Some(KEY_BYTES_MAX));
    /// What becomes of a job when its client is gone, in a word.
    KeepOrCancel = text().enum_values(Some(["keep", "cancel"]));
    /// What becomes of a job when its client is gone.
    OnDisconnect = OneOfBuilder::new().item(KeepOrCancel::schema()).item(
        ObjectBuilder::new()
            .property("cancel_after_ms", DurationMs::schema())
            .required("cancel_after_ms"),
    );
    /// Any number of 64 bits without a sign.
    Number = up_to(u64::MAX);
    /// Any number of 32 bits without a sign.
    Number32 = up_to(u64::from(u32::MAX));
    /// The limits, by name.
    Limits = ObjectBuilder::new().additional_properties(Some(AdditionalProperties::from(integer())));
}

pub(crate) fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn integer() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer)
}

/// A number from 0 to a greatest one.
pub(crate) fn up_to(max: u64) -> ObjectBuilder {
    integer().minimum(Some(0)).maximum(Some(max))
}

/// A list of so many at most.
pub(crate) fn list_of<T: ToSchema>(max: usize) -> ArrayBuilder {
    ArrayBuilder::new().items(Ref::from_schema_name(T::name())).max_items(Some(max))
}

/// The characters of a queue's name, as a part of a pattern.
pub(crate) fn queue_name_pattern() -> String {
    format!("[A-Za-z0-9._-]{{1,{QUEUE_NAME_BYTES_MAX}}}")
}
