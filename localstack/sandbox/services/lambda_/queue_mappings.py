"""Event source mappings of SQS: a poller per mapping receives batches and invokes the function."""

from __future__ import annotations

import json
import logging
import threading
import time

from moto.awslambda.models import lambda_backends
from moto.core.exceptions import ServiceException
from moto.events.models import EventPattern
from moto.sqs.models import Queue, SQSBackend, sqs_backends

from ...background import repeat

log = logging.getLogger(__name__)

INTERVAL = 0.2  # seconds between looks for visible messages and for new mappings


def install(sandbox) -> None:
    _disable_delivery_by_moto()
    _serialise_receives()
    pollers = Pollers(sandbox)
    repeat("event source mappings", INTERVAL, pollers.sync)


class Pollers:
    """Starts a poller for each enabled mapping. A poller ends when its mapping is deleted or disabled."""

    def __init__(self, sandbox):
        self._sandbox = sandbox
        self._threads: dict[str, threading.Thread] = {}

    def sync(self) -> None:
        for uuid in [uuid for uuid, thread in self._threads.items() if not thread.is_alive()]:
            del self._threads[uuid]
        for mapping in _mappings():
            if mapping.enabled and mapping.uuid not in self._threads:
                poller = Poller(self._sandbox, mapping)
                thread = threading.Thread(target=poller.run, name=f"mapping {mapping.uuid}", daemon=True)
                self._threads[mapping.uuid] = thread
                thread.start()


class Poller:
    def __init__(self, sandbox, mapping):
        self._sandbox = sandbox
        self._mapping = mapping
        _, _, _, region, account, name = mapping.event_source_arn.split(":", 5)
        self._name = name
        self._queues = sqs_backends[account][region]
        self._mappings = lambda_backends[account][region]

    def run(self) -> None:
        while self._is_enabled():
            queue = self._queues.queues.get(self._name)
            if queue is None:
                time.sleep(INTERVAL)
                continue
            try:
                messages = self._receive(queue)
                if messages:
                    self._deliver(queue, messages)
                else:
                    queue.wait_for_messages(INTERVAL)
            except Exception:
                # A failed batch must not end the poller; its messages become visible again.
                log.exception("mapping of %s", self._name)
                time.sleep(INTERVAL)

    def _is_enabled(self) -> bool:
        mapping = self._mappings.get_event_source_mapping(self._mapping.uuid)
        return mapping is self._mapping and mapping.enabled

    def _receive(self, queue: Queue) -> list:
        """Receives up to a batch, waiting for more messages within the mapping's batching window."""
        size = int(self._mapping.batch_size)
        scale = self._sandbox.time_scale
        window = float(self._mapping.max_batch_window or 0) / scale if scale else 0.0
        messages: list = []
        closes = None
        while len(messages) < size:
            messages += self._queues.receive_message(
                self._name, size - len(messages), 0, int(queue.visibility_timeout), ["All"]
            )
            if not messages:
                break
            closes = closes or time.monotonic() + window
            if time.monotonic() >= closes:
                break
            time.sleep(min(INTERVAL, window))
        return messages

    def _deliver(self, queue: Queue, received: list) -> None:
        messages = [message for message in received if _passes(self._mapping.filter_criteria, message)]
        # Messages that don't match the filter are deleted, as on AWS.
        self._delete([message for message in received if message not in messages])
        if not messages:
            return
        event = {"Records": [_record(message, queue) for message in messages]}
        try:
            function = self._sandbox.invoker.find(self._mapping.function_arn)
            answer = self._sandbox.invoker.invoke(function, json.dumps(event), self._mapping.function_arn)
        except ServiceException as error:  # deleted, or throttled
            log.warning("%s: %s", self._mapping.function_arn, error)
            self._return(queue, messages)
            time.sleep(INTERVAL)
            return
        failed = {m.id for m in messages} if answer.failed else self._failed(answer.payload, messages)
        self._delete([message for message in messages if message.id not in failed])
        self._return(queue, [message for message in messages if message.id in failed])

    def _failed(self, payload: str, messages: list) -> set[str]:
        """The ids of the failed messages by the function's partial batch response."""
        if "ReportBatchItemFailures" not in (self._mapping.function_response_types or []):
            return set()
        all_ids = {message.id for message in messages}
        response = json.loads(payload)
        if response is None or response == {}:
            return set()
        try:
            failed = {failure["itemIdentifier"] for failure in response.get("batchItemFailures") or []}
        except (AttributeError, TypeError, KeyError):
            return all_ids
        # With an id that isn't in the batch, the whole batch counts as failed, as on AWS.
        return failed if failed <= all_ids else all_ids

    def _delete(self, messages: list) -> None:
        for message in messages:
            self._queues.delete_message(self._name, message.receipt_handle)

    def _return(self, queue: Queue, messages: list) -> None:
        """Failed messages stay invisible for the visibility timeout, divided by the time scale."""
        scale = self._sandbox.time_scale
        hidden = int(int(queue.visibility_timeout) / scale) if scale else 0
        for message in messages:
            try:
                self._queues.change_message_visibility(self._name, message.receipt_handle, hidden)
            except ServiceException:
                continue  # the function deleted the message, or it became visible in the meantime


def _mappings() -> list:
    return [
        mapping
        for regions in list(lambda_backends.values())
        for backend in list(regions.values())
        for mapping in list(backend._event_source_mappings.values())
        if ":sqs:" in mapping.event_source_arn
    ]


def _record(message, queue: Queue) -> dict:
    attributes = {
        "ApproximateReceiveCount": str(message.approximate_receive_count),
        "SentTimestamp": str(message.sent_timestamp),
        "SenderId": message.sender_id,
        "ApproximateFirstReceiveTimestamp": str(message.approximate_first_receive_timestamp),
    }
    if trace := (message.system_attributes or {}).get("AWSTraceHeader"):
        attributes["AWSTraceHeader"] = trace["StringValue"] if isinstance(trace, dict) else trace
    if queue.fifo_queue:
        attributes |= {
            "MessageGroupId": message.group_id,
            "MessageDeduplicationId": message.deduplication_id,
            "SequenceNumber": message.sequence_number,
        }
    record = {
        "messageId": message.id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": attributes,
        "messageAttributes": {name: _attribute(value) for name, value in message.message_attributes.items()},
        "md5OfBody": message.body_md5,
        "eventSource": "aws:sqs",
        "eventSourceARN": queue.queue_arn,
        "awsRegion": queue.region,
    }
    if message.message_attributes:
        record["md5OfMessageAttributes"] = message.attribute_md5
    return record


def _attribute(value: dict) -> dict:
    attribute = {"dataType": value["DataType"], "stringListValues": [], "binaryListValues": []}
    if value.get("StringValue") is not None:
        attribute["stringValue"] = value["StringValue"]
    if value.get("BinaryValue") is not None:
        binary = value["BinaryValue"]
        attribute["binaryValue"] = binary.decode() if isinstance(binary, bytes) else binary
    return attribute


def _passes(criteria: dict | None, message) -> bool:
    filters = (criteria or {}).get("Filters") or []
    if not filters:
        return True
    try:
        body = json.loads(message.body)
    except ValueError:
        body = message.body
    return any(EventPattern.load(one["Pattern"]).matches_event({"body": body}) for one in filters)


def _disable_delivery_by_moto() -> None:
    """moto invokes the functions of a queue's mappings within SendMessage; it finds none."""
    Queue.lambda_event_source_mappings = property(lambda self: {}, lambda self, value: None)


def _serialise_receives() -> None:
    """Concurrent receivers must not get the same message, nor block each other while they wait."""
    receive = SQSBackend.receive_message
    lock = threading.RLock()

    def receive_message(
        self, queue_name, count, wait_seconds_timeout, visibility_timeout, message_attribute_names=None
    ):
        deadline = time.monotonic() + float(wait_seconds_timeout or 0)
        while True:
            with lock:
                messages = receive(self, queue_name, count, 0, visibility_timeout, message_attribute_names)
            remaining = deadline - time.monotonic()
            if messages or remaining <= 0:
                return messages
            self.get_queue(queue_name).wait_for_messages(min(INTERVAL, remaining))

    SQSBackend.receive_message = receive_message
