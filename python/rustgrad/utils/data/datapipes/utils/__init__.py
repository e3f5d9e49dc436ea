"""What pipes share: columns, streams, files, decoders, snapshots."""
