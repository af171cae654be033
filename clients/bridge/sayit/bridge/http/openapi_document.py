"""The OpenAPI document: FastAPI's, with what it cannot know and without what is wrong here."""

from __future__ import annotations

from typing import Any, get_args

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from sayit.bridge.http.create_job import UploadJobDocument
from sayit.bridge.http.documents import ProblemDocument, TranscriptDocument
from sayit.bridge.http.event_schemas import EventDocuments
from sayit.bridge.http.openapi import REF, form_field
from sayit.bridge.http.options import OptionsDocument

_EVENTS: tuple[type[BaseModel], ...] = get_args(EventDocuments)
#: FastAPI's own answer to a wrong request, which is a problem with status 400 here.
_FASTAPIS_ERRORS = ("HTTPValidationError", "ValidationError")


def operation_id(route: APIRoute) -> str:
    """The name of a route's function, in camel case."""
    first, *others = route.name.split("_")
    return first + "".join(map(str.title, others))


def openapi_of(app: FastAPI) -> dict[str, Any]:
    """The document, made once."""
    if app.openapi_schema is None:
        app.openapi_schema = _completed(
            get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
        )
    return app.openapi_schema


def _completed(document: dict[str, Any]) -> dict[str, Any]:
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for item in document["paths"].values():
        for operation in item.values():
            # FastAPI has all of the function's docstring as description.
            summary, _, description = operation.pop("description").partition("\n\n")
            operation["summary"] = summary.removesuffix(".")
            if description:
                operation["description"] = " ".join(description.split())
            form = operation.get("requestBody", {}).get("content", {}).get("multipart/form-data", {})
            fields = form.get("schema", {}).get("properties", {})
            # What a form and the query both take, generated clients would have twice.
            operation["parameters"] = [one for one in operation.get("parameters", ()) if one["name"] not in fields]
            for parameter in operation["parameters"]:
                # Generated clients would send defaults and nulls.
                parameter["schema"] = form_field(parameter["schema"])
            refused = operation.get("responses", {}).get("422", {})
            if "HTTPValidationError" in str(refused.get("content", "")):
                del operation["responses"]["422"]
    for name in _FASTAPIS_ERRORS:
        schemas.pop(name, None)
    # Streams and files carry these; no route names them as its model.
    models: tuple[type[BaseModel], ...] = (*_EVENTS, ProblemDocument, TranscriptDocument, UploadJobDocument)
    _, more = models_json_schema([(model, "serialization") for model in models], ref_template=REF)
    for name, schema in more["$defs"].items():
        schemas.setdefault(name, schema)
    for field in schemas[OptionsDocument.__name__]["properties"].values():
        field.pop("default", None)
    schemas["EventDocument"] = {
        "title": "EventDocument",
        "description": "One event of a job: the data of a server-sent event, or a message of the WebSocket.",
        "oneOf": [{"$ref": REF.format(model=event.__name__)} for event in _EVENTS],
        "discriminator": {
            "propertyName": "type",
            "mapping": {event.model_fields["type"].default: REF.format(model=event.__name__) for event in _EVENTS},
        },
    }
    document["servers"] = [{"url": "/", "description": "The bridge that this document comes from."}]
    document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    # An installation without keys asks for none.
    document["security"] = [{"key": []}, {}]
    return document
