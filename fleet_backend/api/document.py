"""Finishes the OpenAPI 3.1 document that FastAPI draws: problems, bearer token, media types."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from .models import Problem

TEXT_ROUTES = ("/metrics", "/ledger/checkpoint", "/ledger/pending")
RECEIPT_ROUTES = ("/v1/commands/{command}/receipt", "/v1/fleet/receipts/{leaf_index}")


def describe(app: FastAPI) -> dict[str, Any]:
    """The document, the same every time. Errors are problem+json everywhere."""
    if app.openapi_schema is not None:
        return app.openapi_schema
    document = get_openapi(
        title=app.title, version=app.version, openapi_version="3.1.0", routes=app.routes
    )
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = Problem.model_json_schema()
    components["securitySchemes"] = {"operator": {"type": "http", "scheme": "bearer"}}
    for path, methods in document["paths"].items():
        for operation in methods.values():
            _finish(path, operation)
    app.openapi_schema = document
    return document


def _finish(path: str, operation: dict[str, Any]) -> None:
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    responses = operation["responses"]
    responses.pop("422", None)
    responses["default"] = {"description": "A problem (RFC 9457)", "content": problem}
    success = responses.get("200", {})
    if path.endswith("/stream"):
        success["content"] = {"text/event-stream": {"schema": {"type": "string"}}}
    elif path in TEXT_ROUTES:
        success["content"] = {"text/plain": {"schema": {"type": "string"}}}
    elif path in RECEIPT_ROUTES:
        success["content"] = {"text/plain": {"schema": {"type": "string"}}, "application/cose": {}}
    elif path == "/ledger/checkpoint.cose":
        success["content"] = {"application/cose": {}}
    elif path == "/v1/enrolments/{enrolment}":
        success["content"] = {"application/cbor": {}}
    elif path.startswith("/ledger/tile/"):
        success["content"] = {"application/octet-stream": {}}
    if path.startswith("/v1/fleet/"):
        operation["security"] = [{"operator": []}]
    for parameter in operation.get("parameters", ()):
        if parameter["name"] == "idempotency-key":
            parameter["name"] = "Idempotency-Key"
            parameter["required"] = True
            parameter["schema"] = {"type": "string", "pattern": "^[A-Za-z0-9_.:-]{8,128}$"}
