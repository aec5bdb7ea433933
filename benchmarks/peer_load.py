"""Run by dlt's own environment: merges one table by its id, and prints how long that took.

Arguments: source, destination, table, folder for its state.
"""

import json
import sys
import time

import dlt
from dlt.sources.sql_database import sql_table
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url

source, destination, table, folder = sys.argv[1:5]
place = make_url(destination)
# A server on a socket: its folder is the host, which only the query may name.
host = place.host or place.query.get("host")
login = f"{place.username}:{place.password or 'none'}"
address = f"postgresql://{login}@localhost:{place.port or 5432}/{place.database}?host={host}"
pipeline = dlt.pipeline(
    "peer",
    destination=dlt.destinations.postgres(address),
    dataset_name="loaded",
    pipelines_dir=folder,
)
rows = sql_table(
    create_engine(source.replace("postgresql://", "postgresql+psycopg2://")),
    table=table,
    backend="pyarrow",
    chunk_size=50_000,
)
rows.apply_hints(primary_key="id", write_disposition="merge")
began = time.perf_counter()
pipeline.run(rows, loader_file_format="parquet")
print(json.dumps(time.perf_counter() - began))
