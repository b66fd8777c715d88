# The function app on Microsoft's Functions image, with OpenFace and all that it loads taken out of an OpenFace image
# that you name. Why this way round, and what it takes: docs/image.md.
#
#   docker build --build-arg OPENFACE_IMAGE=openface/openface:latest -t openface-runner .

# algebr/openface is the one that can be pulled (2018). openface/openface is what OpenFace's own docker folder builds,
# and the better one for those who have built it.
ARG OPENFACE_IMAGE=algebr/openface:latest
# Microsoft supports custom images on its own base only, and only while it is kept up to date: build anew every month.
ARG FUNCTIONS_IMAGE=mcr.microsoft.com/azure-functions/python:4-python3.13

# --- OpenFace, gathered into one folder that carries its own system -----------------------------------------------------
# hadolint ignore=DL3006
FROM ${OPENFACE_IMAGE} AS openface
# The folder of its programs, where it isn't one of the known ones.
ARG OPENFACE_DIR=""
# hadolint ignore=DL3002
USER 0
COPY docker/gather-openface.sh docker/check-libraries.sh /
# Not into /opt/openface, which is one of the places that it looks in.
RUN sh /gather-openface.sh /opt/openface-runner/openface "${OPENFACE_DIR}" \
 && cp /check-libraries.sh /opt/openface-runner/openface/

# --- Python packages ----------------------------------------------------------------------------------------------------
# hadolint ignore=DL3006
FROM ${FUNCTIONS_IMAGE} AS packages
# hadolint ignore=DL3002
USER 0
COPY requirements.lock /
# Where the Functions worker looks for an app's packages: in the interpreter's own folder they would clash with the worker's.
RUN python3 -m pip install --no-cache-dir --disable-pip-version-check --root-user-action ignore \
      --require-hashes --only-binary :all: --target /packages -r /requirements.lock

# --- For compose.yaml: what stands for Azure's Event Grid on a laptop, without OpenFace ---------------------------------
FROM packages AS devstack
COPY devstack/requirements.txt /
RUN python3 -m pip install --no-cache-dir --disable-pip-version-check --root-user-action ignore \
      --only-binary :all: --target /packages -r /requirements.txt \
 && install -d -o 10001 -g 10001 /home/devstack
COPY openface_runner /devstack/openface_runner
COPY devstack /devstack/devstack
ENV PYTHONPATH=/packages
WORKDIR /devstack
USER 10001
ENTRYPOINT ["python3", "-m", "devstack"]
CMD ["--help"]

# --- The app ------------------------------------------------------------------------------------------------------------
# hadolint ignore=DL3006
FROM ${FUNCTIONS_IMAGE} AS app
LABEL org.opencontainers.image.title="OpenFace Runner" \
      org.opencontainers.image.description="Azure Functions app that measures faces in uploaded media with OpenFace. \
Holds OpenFace: not to be published." \
      org.opencontainers.image.licenses="MIT AND LicenseRef-OpenFace-academic" \
      org.opencontainers.image.vendor="OpenFace Runner"
ENV AzureWebJobsScriptRoot=/home/site/wwwroot \
    AzureFunctionsJobHost__Logging__Console__IsEnabled=true \
    # Outside App Service the host makes one of the machine's name, and each new container would have a queue of its own.
    AzureFunctionsWebHost__hostid=openface-runner \
    # Above 1024, for a user that isn't root.
    ASPNETCORE_URLS=http://+:8080 \
    # More than host.json's maxDegreeOfParallelism.
    PYTHON_THREADPOOL_THREAD_COUNT=40 \
    # With an arena of its own for each of those threads, the C library gives little memory back.
    MALLOC_ARENA_MAX=2 \
    OPENFACE_BIN_DIR=/opt/openface/bin
# hadolint ignore=DL3002
USER 0
# The host writes below these folders.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /home --shell /usr/sbin/nologin openface-runner \
 && mkdir -p /home/site/wwwroot /home/data/Secrets /home/LogFiles \
 && chown -R 10001:10001 /home/site /home/data /home/LogFiles
COPY --from=openface /opt/openface-runner/openface /opt/openface
COPY --from=packages --chown=10001:10001 /packages /home/site/wwwroot/.python_packages/lib/site-packages
COPY --chown=10001:10001 function_app.py host.json requirements.txt LICENSE /home/site/wwwroot/
COPY --chown=10001:10001 openface_runner /home/site/wwwroot/openface_runner
WORKDIR /home/site/wwwroot
USER 10001
# Both programs, once, as the user and from the place they will run, with no library of this system: an image that can't
# measure a face isn't built. It compiles the app's modules on the way.
RUN sh /opt/openface/check-libraries.sh && PYTHONPATH=.python_packages/lib/site-packages python3 -m openface_runner doctor
EXPOSE 8080
# The start takes a while: the app proves OpenFace before it takes work.
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=3 \
  CMD ["python3", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/admin/host/ping', timeout=4)"]
# The base image's own start script goes on being the command.
