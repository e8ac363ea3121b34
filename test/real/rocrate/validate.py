"""Validates RO-Crates with rocrate-validator, without a network: validate.py CONTEXT FOLDER...

CONTEXT is a file with the JSON-LD context of RO-Crate 1.1; the terms that the run crate profiles add stand here. Each is
judged by the narrowest profile of Workflow Run RO-Crate it says it conforms to, and those that one is made of. Prints the
issues as JSON, on one line.
"""

import json
import sys
from pathlib import Path

import requests

# Narrowest first.
PROFILES = ["provenance", "workflow", "process"]
WORKFLOW_RUN = "https://w3id.org/ro/terms/workflow-run"
TERMS = ["sha256", "resourceUsage", "environment", "containerImage", "ParameterConnection", "connection"]

context, *folders = sys.argv[1:]
documents = {
    "https://w3id.org/ro/crate/1.1/context": Path(context).read_text(),
    f"{WORKFLOW_RUN}/context": json.dumps({"@context": {term: f"{WORKFLOW_RUN}#{term}" for term in TERMS}}),
}


def send(_session, request, **_options):
    """Answers what the validator asks the web for."""
    text = documents.get(request.url)
    response = requests.Response()
    response.request, response.url = request, request.url
    response.status_code = 404 if text is None else 200
    response.headers["Content-Type"] = "application/ld+json"
    response._content = (text or "").encode()
    return response


requests.Session.send = send

from rocrate_validator import models, services  # noqa: E402  (what it imports must find `send` replaced)


def profile_of(folder):
    graph = json.loads(Path(folder, "ro-crate-metadata.json").read_text())["@graph"]
    root = next((entity for entity in graph if entity["@id"] == "./"), {})
    claimed = [each["@id"] for each in root.get("conformsTo", [])]
    names = [name for name in PROFILES if f"https://w3id.org/ro/wfrun/{name}/0.5" in claimed]
    return f"{(names or PROFILES)[0]}-run-crate-0.5"


def issues(folder):
    settings = services.ValidationSettings(
        rocrate_uri=folder,
        profile_identifier=profile_of(folder),
        requirement_severity=models.Severity.RECOMMENDED,
        no_cache=True,
    )
    for issue in services.validate(settings).get_issues():
        yield {
            "folder": folder,
            "severity": issue.severity.name,
            "check": issue.check.identifier,
            "message": issue.message,
            "entity": str(issue.violatingEntity),
        }


print(json.dumps([issue for folder in folders for issue in issues(folder)]))
