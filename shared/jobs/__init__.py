"""The use cases: intake, processing, monitoring, operations. They order the steps."""
