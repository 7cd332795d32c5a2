// SupermetricsAPI
