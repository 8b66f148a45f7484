"""The error that handlers raise."""


class AwsError(Exception):
    """An error of AWS, which is returned in the protocol of the request."""

    def __init__(self, code: str, message: str = "", status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
