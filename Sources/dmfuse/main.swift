print("dmfuse")
