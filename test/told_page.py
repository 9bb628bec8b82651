"""What a page was told, as rerun's own reader reads it from a file."""

from rerun.chunk import RrdReader


class Told:
    """A file of a page."""

    def __init__(self, file):
        self.reader = RrdReader(file)
        self.chunks = self.reader.stream().to_chunks()
        self.entities = {chunk.entity_path.lstrip('/') for chunk in self.chunks}

    def values(self, entity, component, *, static=False):
        """Seconds and values of an entity, in order of time."""
        rows = []
        for chunk in self.chunks:
            if chunk.entity_path.lstrip('/') == entity and chunk.is_static == static:
                batch = chunk.to_record_batch()
                if component in batch.schema.names:
                    at = [0] * len(batch) if static else batch.column('time').cast('int64').to_pylist()
                    rows += zip(at, batch.column(component).to_pylist(), strict=True)
        rows = sorted(((at * 1e-9, value) for at, value in rows if value is not None), key=lambda row: row[0])
        return [at for at, _ in rows], [value for _, value in rows]
