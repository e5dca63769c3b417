# The same code as the function app, for `python -m shared process|monitor|migrate|serve` elsewhere:
# Container Apps jobs (infra/modules/scaleOut.bicep), other schedulers. Never built where this is
# written: there is no container runtime. .github/workflows/infrastructure.yml builds it.
FROM python:3.13.9-slim-bookworm

# Microsoft's ODBC driver, from Microsoft's repository.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates curl gnupg \
    && curl -fsSL https://packages.microsoft.com/keys/microsoft.asc \
        | gpg --dearmor -o /usr/share/keyrings/microsoft.gpg \
    && echo "deb [arch=$(dpkg --print-architecture) signed-by=/usr/share/keyrings/microsoft.gpg] https://packages.microsoft.com/debian/12/prod bookworm main" \
        > /etc/apt/sources.list.d/microsoft.list \
    && apt-get update \
    && ACCEPT_EULA=Y apt-get install -y --no-install-recommends msodbcsql18 unixodbc \
    && apt-get purge -y --auto-remove curl gnupg \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /app
COPY requirements.txt constraints.txt ./
# The worker's runtime is for the Functions host alone.
RUN grep -v '^azure-functions-runtime' requirements.txt > runtime.txt \
    && pip install --no-cache-dir --requirement runtime.txt --constraint constraints.txt \
    && rm runtime.txt
COPY host.json ./
COPY shared ./shared

RUN useradd --system --uid 10001 --no-create-home oms
USER 10001

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
ENTRYPOINT ["python", "-m", "shared"]
CMD ["--help"]
