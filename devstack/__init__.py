"""What a laptop lacks, so that the function app runs unchanged: a storage account, an Event Grid, a Functions host.

For laptops and tests only; nothing in here is installed where the app runs in Azure. From the command line it is
`python -m devstack up`; from tests and the demo it is `devstack.running.Devstack`. Nothing is imported here, because
the function app's worker process imports this package too and shall stay as bare as the real one.
"""
