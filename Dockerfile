# Kefu itself; the model server is vLLM's own image (docker-compose.yml).
FROM python:3.12-slim-bookworm

RUN apt-get update \
 && apt-get install -y --no-install-recommends libgomp1 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home --uid 10001 kefu \
 && mkdir /data && chown kefu /data

WORKDIR /app
COPY requirements.txt pyproject.toml ./
RUN pip install --no-cache-dir uv==0.13.8 && uv pip install --system --no-cache -r requirements.txt

COPY app.py README.md LICENSE chainlit*.md ./
COPY .chainlit .chainlit
COPY public public
COPY kefu kefu
COPY rag rag
COPY web web
COPY policies policies
RUN uv pip install --system --no-cache --no-deps --editable . && mkdir .files && chown -R kefu .chainlit .files

USER kefu
ENV KEFU_HOME=/data PYTHONUNBUFFERED=1
EXPOSE 8000
CMD ["kefu", "serve"]
