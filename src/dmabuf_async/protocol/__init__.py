"""The dma-buf core calls, written as coroutines over ops."""
