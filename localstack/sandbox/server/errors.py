"""The one way in which overlay code says no to a caller."""


class AwsError(Exception):
    """An error as AWS would answer it; the gateway writes it in the protocol of the request."""

    def __init__(self, code: str, message: str = "", status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
