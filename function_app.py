"""The Azure surface of the app: triggers and what they call, and nothing else."""

import azure.functions as func
from azurefunctions.extensions.bindings import blob

from openface_runner import jobs, services, shutdown
from openface_runner.storage import CONNECTION

app = func.FunctionApp()

# At import, on purpose: with wrong settings or a broken OpenFace there is no function, so that messages stay in the
# queue instead of using up their tries, and the log says once what is wrong.
_services = services.start()
# The host passes on no cancellation: a signal is all that an instance gets to know of its end.
shutdown.stop_on_signals(_services.running)


@app.function_name("analyse_media")
@app.blob_trigger(
    arg_name="client",
    # Formal: a blob trigger must name a path, and can't name "any container". With Event Grid as the source the host
    # takes container and blob from the event and compares neither with the path. Which events arrive is decided by
    # the Event Grid subscription, which of them are ours by openface_runner.media.address.
    path="media/{name}",
    connection=CONNECTION,
    source=func.BlobSource.EVENT_GRID,
)
def analyse_media(client: blob.BlobClient) -> None:
    """Analyse one uploaded medium.

    An SDK-type client brings only the blob's name; content as bytes or stream would pass through the worker's memory.
    Raises to make the host try again, and at last put the event into the poison queue.
    """
    jobs.analyse_blob(_services, client.container_name, client.blob_name)


@app.function_name("show_jobs")
# Without a key, since a browser has none: the page itself decides who may see it (openface_runner.pages.gate).
@app.route("jobs/{*path}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def show_jobs(req: func.HttpRequest) -> func.HttpResponse:
    """Show where jobs stand; read-only."""
    # Only here: the app's start needs neither templates nor plots.
    from openface_runner import pages

    answer = pages.site(_services.settings, _services.analyser.workspace).answer(
        pages.Request(
            path=req.route_params.get("path") or "",
            query=dict(req.params),
            headers={name.lower(): value for name, value in req.headers.items()},
        )
    )
    return func.HttpResponse(answer.body, status_code=answer.status, headers=answer.headers, mimetype=answer.media_type)
