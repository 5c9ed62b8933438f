"""Starting Orthanc with the plugin, for people, tests and benchmarks."""
