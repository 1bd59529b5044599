# The hub in an image of its own: pinned requirements, no root, one volume.
FROM python:3.11-slim

WORKDIR /hub
COPY requirements.txt .
RUN pip install --no-cache-dir --requirement requirements.txt
COPY server server
COPY shapes shapes
COPY queries queries
COPY ontology ontology
COPY examples examples
RUN useradd --system --uid 10001 hub && mkdir /data && chown hub /data
USER hub
ENV HUB_HOST=0.0.0.0 HUB_DATA=/data PYTHONUNBUFFERED=1
VOLUME /data
EXPOSE 5000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:5000/ready', timeout=4)"]
CMD ["python", "-m", "server", "run"]
